import { loadConfig } from '../config/load-config.ts'
import type { Config } from '../config/config-schema.ts'
import { registerSelfResolver } from '../upstream/self-resolver.ts'

/** Options that every command with a configuration has. */
export interface ConfigOptions {
  config?: string
  routes?: string
  host?: string
  port?: string
}

/** The configuration that the command's options, the environment and the file make together. */
export async function commandConfig ({ config, routes, host, port }: ConfigOptions): Promise<Config> {
  registerSelfResolver()
  return loadConfig({ file: config, env: process.env, cwd: process.cwd(), overrides: { routes, host, port } })
}

/** The same, for commands whose standard output is their answer: nothing is logged between. */
export async function quietConfig (options: ConfigOptions): Promise<Config> {
  const config = await commandConfig(options)
  return { ...config, log: { ...config.log, level: 'silent' } }
}

/** The options as arguments, for a child process that runs another command with the same configuration. */
export function configArguments (options: ConfigOptions): string[] {
  const names = ['config', 'routes', 'host', 'port'] as const
  return names.flatMap((name) => options[name] === undefined ? [] : [`--${name}`, options[name]])
}
