import { mkdir, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { buildApp } from '../../src/app.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { startBackend } from './backend.ts'
import { type Gateway, listening, routesFolder, testConfig } from './gateway.ts'

/** Files of the `openapi` folder: a string is the text of the file, anything else is written as JSON. */
export type Documents = Record<string, unknown>

/** The configuration of a gateway with upstream files and API documents, each in a folder of its own. */
export async function apiConfig(
  t: TestContext,
  files: Record<string, unknown>,
  documents: Documents,
  config: ConfigInput = {},
) {
  const folder = await routesFolder(t, files)
  const openapi = await routesFolder(t, {})
  for (const [name, content] of Object.entries(documents)) {
    await mkdir(dirname(join(openapi, name)), { recursive: true })
    await writeFile(join(openapi, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return testConfig(folder, { ...config, openapi })
}

/** Starts a gateway in front of a backend whose API the document `api.json` describes. */
export async function startApiGateway(
  t: TestContext,
  document: unknown,
  upstream: object = {},
  { respond, config }: { respond?: RequestListener; config?: ConfigInput } = {},
): Promise<Gateway & { backend: Awaited<ReturnType<typeof startBackend>> }> {
  const backend = await startBackend(t, respond)
  const declaration = { name: 'api', auth: 'none', targets: [backend.url], openapi: 'api.json', ...upstream }
  const gateway = await listening(
    t,
    await buildApp(await apiConfig(t, { 'api.json': declaration }, { 'api.json': document }, config)),
  )
  return { ...gateway, backend }
}

/** A small document with the paths given. */
export const apiDocument = (paths: object, others: object = {}): object => ({
  openapi: '3.1.0',
  info: { title: 'Test', version: '1' },
  paths,
  ...others,
})
