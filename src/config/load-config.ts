import { statSync } from 'node:fs'
import { isObject } from '../schema/json-schema.ts'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { BootProblems, type Problem } from '../errors.ts'
import { findConfigFile, readConfigFile, type ConfigFile } from './config-file.ts'
import { ConfigSchema, type Config } from './config-schema.ts'
import { environmentVariables, readEnvironment, type Setting, type Variable } from './environment.ts'
import { pathMistakes } from './own-paths.ts'
import { MISSING, mistakes, withDefaults, type Mistake } from './schema-check.ts'
import { fieldPath, found } from './schema-wording.ts'

/** The folders of a gateway, absolute. */
export type Folders = Pick<Config, 'routes' | 'openapi' | 'baseDir'>

/**
 * Problems of the configuration, and the folders as far as these are known, so that the mistakes there can be told too.
 */
export class ConfigProblems extends BootProblems {
  readonly folders: Folders | undefined
  constructor(problems: Problem[], folders: Folders | undefined) {
    super(problems)
    this.folders = folders
  }
}

function foldersOf(value: unknown, baseDir: string): Folders | undefined {
  const { routes, openapi } = isObject(value) ? value : {}
  if (typeof routes !== 'string' || typeof openapi !== 'string') return undefined
  return { baseDir, routes: resolve(baseDir, routes), openapi: resolve(baseDir, openapi) }
}

/** Values of command line options; they win over everything else. */
export interface ConfigOverrides {
  host?: string
  /** A number, or the text of one. */
  port?: number | string
  /** Folder of the upstream files; a relative path starts at the working directory. */
  routes?: string
}

export interface ConfigSource {
  /** Configuration file; without it, the `gatehouse.config.*` of the working directory, if there is one. */
  file?: string
  env: NodeJS.ProcessEnv
  overrides?: ConfigOverrides
  cwd: string
}

/** A copy of `value` with one leaf set; a section that can be a plain value (`false`) becomes a section by it. */
function assign(value: unknown, { path, switches, value: leaf }: Setting, depth = 0): unknown {
  if (depth === path.length) return leaf
  // what is no section stays, for the check to find
  if (value !== undefined && !isObject(value) && !switches?.has(depth)) return value
  const section = isObject(value) ? value : {}
  const key = path[depth]!
  return {
    ...section,
    [key]: assign(
      Object.hasOwn(section, key) ? section[key] : undefined,
      { path, switches, value: leaf, source: '' },
      depth + 1,
    ),
  }
}

const startsWith = (path: readonly (string | number)[], start: readonly string[]): boolean =>
  start.every((step, index) => path[index] === step)

/** A variable that sets a part of what another one switches off: neither can win. */
function contradictions(settings: readonly Setting[]): Problem[] {
  return settings.flatMap((part) => {
    const whole = settings.find((other) => other.path.length < part.path.length && startsWith(part.path, other.path))
    return whole
      ? [
          {
            file: part.source,
            field: '',
            message: `sets a part of what ${whole.source} sets as a whole, allowed: one of the two`,
          },
        ]
      : []
  })
}

function isNetwork(text: string): boolean {
  const [address, bits, ...rest] = text.split('/')
  const version = isIP(address!)
  if (!version || address!.includes('%') || rest.length) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

function wrongNetworks(value: unknown): Mistake[] {
  const networks = isObject(value) && Array.isArray(value.trustProxy) ? value.trustProxy : []
  return networks.flatMap((network, index) =>
    typeof network !== 'string' || isNetwork(network)
      ? []
      : [
          {
            path: ['trustProxy', index],
            message: `found ${found(network)}, allowed: IP address, or network such as 10.0.0.0/8`,
          },
        ],
  )
}

/** A folder that was stated is meant to be there; the one that is looked for unasked need not be. */
function missingFolder(given: unknown, baseDir: string): Mistake[] {
  const folder = isObject(given) ? given.openapi : undefined
  if (typeof folder !== 'string' || statSync(resolve(baseDir, folder), { throwIfNoEntry: false })?.isDirectory()) {
    return []
  }
  return [
    {
      path: ['openapi'],
      message: `found ${found(folder)}, which is no folder here, allowed: a folder that exists, or nothing`,
    },
  ]
}

/** Says of a missing plain value how to state it: most are secrets, which belong into the environment. */
function howToState({ path, message }: Mistake, variables: readonly Variable[]): Mistake {
  const variable = message.startsWith(MISSING)
    ? variables.find((known) => known.path.join('.') === path.join('.'))
    : undefined
  if (variable === undefined || variable.structured) return { path, message }
  return {
    path,
    message: `${message}: set ${variable.name}${variable.secret ? ` or ${variable.name}_FILE` : ''} in the environment, or ${fieldPath(path)} in the configuration file`,
  }
}

/** Names the variable or option that a mistake came from, else the file and its line. */
function problemOf({ path, message }: Mistake, settings: readonly Setting[], file: ConfigFile | undefined): Problem {
  const origin = settings.findLast((setting) => startsWith(path, setting.path))
  if (origin) {
    const rest = path.slice(origin.path.length)
    // the items of a list have no name in a variable
    return { file: origin.source, field: typeof rest[0] === 'number' ? '' : fieldPath(rest), message }
  }
  if (file) {
    const line = file.linesOf?.([path])[0]
    return { file: line ? `${file.name}:${line}` : file.name, field: fieldPath(path), message }
  }
  // a part is missing that goes with one from the environment
  const neighbour = settings.find((setting) => startsWith(setting.path, path.slice(0, -1).map(String)))
  return { file: neighbour?.source ?? 'configuration', field: fieldPath(path), message }
}

function optionSettings({ host, port, routes }: ConfigOverrides, cwd: string): Setting[] {
  return [
    { path: ['host'], value: host, source: '--host' },
    { path: ['port'], value: typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port, source: '--port' },
    { path: ['routes'], value: routes === undefined ? undefined : resolve(cwd, routes), source: '--routes' },
  ].filter(({ value }) => value !== undefined)
}

/**
 * The configuration of this process: options over environment over file over defaults. Relative folders come back
 * absolute; they start at the configuration file, and those of options at the working directory.
 * @throws BootProblems  every problem of all sources at once; no message shows a secret
 */
export async function loadConfig({ file, env, overrides = {}, cwd }: ConfigSource): Promise<Config> {
  const problems: Problem[] = []
  let source: ConfigFile | undefined
  let unread = false
  try {
    const path = findConfigFile(cwd, file)
    source = path === undefined ? undefined : await readConfigFile(path, cwd)
  } catch (error) {
    if (!(error instanceof BootProblems)) throw error
    problems.push(...error.problems)
    unread = true
  }

  const environment = readEnvironment(ConfigSchema, env, cwd)
  problems.push(...environment.problems, ...contradictions(environment.settings))
  const settings = [...environment.settings, ...optionSettings(overrides, cwd)]

  const given = settings.reduce<unknown>((value, setting) => assign(value, setting), source ? source.value : {})
  const value = withDefaults(ConfigSchema, given)
  const baseDir = source?.baseDir ?? cwd
  let variables: Variable[] | undefined
  for (const mistake of [
    ...mistakes(ConfigSchema, value),
    ...wrongNetworks(value),
    ...(isObject(value) ? pathMistakes(value) : []),
    ...missingFolder(given, baseDir),
  ]) {
    // what seems to be missing may stand in the file that could not be read
    if (unread && !settings.some((setting) => startsWith(mistake.path, setting.path))) continue
    problems.push(problemOf(howToState(mistake, (variables ??= environmentVariables(ConfigSchema))), settings, source))
  }
  if (problems.length) throw new ConfigProblems(problems, unread ? undefined : foldersOf(value, baseDir))

  const config = value as Omit<Config, 'baseDir'>
  return { ...config, baseDir, routes: resolve(baseDir, config.routes), openapi: resolve(baseDir, config.openapi) }
}
