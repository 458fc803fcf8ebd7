import { randomBytes } from 'node:crypto'
import { relative, resolve } from 'node:path'
import { JwtSettings } from '../auth/jwt/jwt-schema.ts'
import { findConfigFile } from '../config/config-file.ts'
import type { Config } from '../config/config-schema.ts'
import { ConfigProblems, type Folders, loadConfig } from '../config/load-config.ts'
import { checkAgainst, withDefaults } from '../config/schema-check.ts'
import { BootProblems, type Problem } from '../errors.ts'
import { registerSelfResolver } from '../routing/self-resolver.ts'

/** Options of every command that loads a configuration. */
export interface ConfigOptions {
  config?: string
  routes?: string
  host?: string
  port?: string
}

/**
 * Loads the configuration from the command's options, the environment and the configuration file. For commands that
 * need no routes.
 */
export async function ownConfig({ config, routes, host, port }: ConfigOptions): Promise<Config> {
  registerSelfResolver()
  return loadConfig({ file: config, env: process.env, cwd: process.cwd(), overrides: { routes, host, port } })
}

/**
 * Loads the configuration for commands that build a gateway.
 * @throws BootProblems which include those of the upstream files and documents, so that all of them can be fixed at
 *   once
 */
export async function commandConfig(options: ConfigOptions): Promise<Config> {
  try {
    return await ownConfig(options)
  } catch (error) {
    if (!(error instanceof ConfigProblems) || error.folders === undefined) throw error
    throw new BootProblems([...error.problems, ...(await fileProblems(error.folders))])
  }
}

/** Problems in the upstream files and documents that do not depend on the rest of the configuration. */
async function fileProblems({ routes, openapi, baseDir }: Folders): Promise<Problem[]> {
  const [{ loadRouteFiles }, { GatewayDocument, loadGatewayDocument }] = await Promise.all([
    import('../routing/route-files.ts'),
    import('../portal/gateway-document.ts'),
  ])
  const file = resolve(openapi, 'gateway.yaml')
  const name = relative(baseDir, file)
  const [{ problems }, documentProblems] = await Promise.all([
    // it is unknown whether the gateway has an auth to inherit: assume that it does
    loadRouteFiles(routes, { authInherited: true, openapi, baseDir, bodyLimit: undefined }),
    loadGatewayDocument(file, name, (document) => checkAgainst(GatewayDocument, document, name)).then(
      () => [],
      (error: unknown) => {
        if (error instanceof BootProblems) return error.problems
        throw error
      },
    ),
  ])
  return [...documentProblems, ...problems]
}

/** Like `commandConfig`, with the log switched off: for commands that print their result on standard output. */
export async function quietConfig(options: ConfigOptions): Promise<Config> {
  const config = await commandConfig(options)
  return { ...config, log: { ...config.log, level: 'silent' } }
}

/** Like `quietConfig`, for commands that only read. They also work without the key that verifies tokens. */
export async function lookingConfig(options: ConfigOptions): Promise<Config & { keyless: boolean }> {
  const config = await quietConfig(options)
  const { secret, publicKey, keys, jwksUri, discover, issuers } = config.jwt ?? {}
  if ([secret, publicKey, keys, jwksUri, discover, issuers].some((source) => source !== undefined)) {
    return { ...config, keyless: false }
  }
  // a random secret, so that no existing token is valid
  const jwt = withDefaults(JwtSettings, {
    ...config.jwt,
    algorithms: undefined,
    secret: randomBytes(32).toString('hex'),
  }) as JwtSettings
  return { ...config, jwt, keyless: true }
}

/** The options as arguments, for a child process that runs another command with the same configuration. */
export function configArguments(options: ConfigOptions): string[] {
  const names = ['config', 'routes', 'host', 'port'] as const
  return names.flatMap((name) => (options[name] === undefined ? [] : [`--${name}`, options[name]]))
}

/**
 * Notes about files that look like files of the gateway but are not read. @param routes  folder of the upstream files
 */
export async function passedOver(options: ConfigOptions, routes: string): Promise<string[]> {
  const { passedOverNotes } = await import('../routing/ignored-files.ts')
  const cwd = process.cwd()
  return passedOverNotes(routes, findConfigFile(cwd, options.config) === undefined ? cwd : undefined)
}
