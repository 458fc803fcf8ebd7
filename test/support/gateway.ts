import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../../src/app.ts'
import { type Config, type ConfigInput, ConfigSchema } from '../../src/config/config-schema.ts'
import { withDefaults } from '../../src/config/schema-check.ts'

export const JWT_SECRET = 'a secret for tests, long enough for HS256'

/** A gateway that listens, and closes with the test. */
export interface Gateway {
  app: FastifyInstance
  port: number
  url: string
}

/** A configuration as the process would have it, quiet and with the route files of a folder. */
export function testConfig(routes: string, config: ConfigInput = {}): Config {
  const complete = withDefaults(ConfigSchema, { log: { level: 'silent', access: false }, ...config }) as Config
  return { ...complete, routes, openapi: config.openapi ?? routes, baseDir: routes }
}

/**
 * Writes route files into a folder of their own: a string is the text of the file, anything else a declaration, written
 * as JSON.
 */
export async function routesFolder(t: TestContext, files: Record<string, unknown>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}

/** Starts a gateway in front of the upstreams that the files declare. */
export async function startGateway(
  t: TestContext,
  files: Record<string, unknown>,
  config: ConfigInput = {},
): Promise<Gateway> {
  return listening(t, await buildApp(testConfig(await routesFolder(t, files), config)))
}

/** Lets a gateway listen until the test ends. */
export async function listening(t: TestContext, app: FastifyInstance): Promise<Gateway> {
  t.after(() => app.close())
  await app.upstreams.discover(60_000)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { app, port, url: `http://127.0.0.1:${port}` }
}
