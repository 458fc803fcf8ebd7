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
 * Problems of the configuration, with the folders if they are known, so that mistakes in their files can be reported as
 * well.
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

/** Values of command-line options; they take precedence over all other sources. */
export interface ConfigOverrides {
  host?: string
  /** A number, also as text. */
  port?: number | string
  /** Folder of the upstream files; a relative path refers to the working directory. */
  routes?: string
}

export interface ConfigSource {
  /** Configuration file; without it, the `gatehouse.config.*` of the working directory, if there is one. */
  file?: string
  env: NodeJS.ProcessEnv
  overrides?: ConfigOverrides
  cwd: string
}

/**
 * A copy of `value` with one leaf set. Where a plain value such as `false` stands for a whole section, it is replaced
 * by a section.
 */
function assign(value: unknown, { path, switches, value: leaf }: Setting, depth = 0): unknown {
  if (depth === path.length) return leaf
  // keep a value that is not a section, so that the check reports it
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

/**
 * A problem for each variable that sets a part of a section which another variable switches off. Neither takes
 * precedence.
 */
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

/** A folder named in the configuration must exist; the default folder may be missing. */
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

/** Adds to the message about a missing plain value how to set it: most are secrets, which belong in the environment. */
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

/** The source of a mistake: the variable or option, else the file and its line. */
function problemOf({ path, message }: Mistake, settings: readonly Setting[], file: ConfigFile | undefined): Problem {
  const origin = settings.findLast((setting) => startsWith(path, setting.path))
  if (origin) {
    const rest = path.slice(origin.path.length)
    // a variable sets a whole list: its items have no field name of their own
    return { file: origin.source, field: typeof rest[0] === 'number' ? '' : fieldPath(rest), message }
  }
  if (file) {
    const line = file.linesOf?.([path])[0]
    return { file: line ? `${file.name}:${line}` : file.name, field: fieldPath(path), message }
  }
  // the missing part belongs to a section of which the environment sets another part
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
 * The configuration of this process: options over environment over file over defaults. Relative folders are resolved to
 * absolute ones: against the folder of the configuration file, or, for options, against the working directory.
 * @throws BootProblems  all problems of all sources at once; messages never show a secret
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
    // the file could not be read and may contain the missing values: do not report them
    if (unread && !settings.some((setting) => startsWith(mistake.path, setting.path))) continue
    problems.push(problemOf(howToState(mistake, (variables ??= environmentVariables(ConfigSchema))), settings, source))
  }
  if (problems.length) throw new ConfigProblems(problems, unread ? undefined : foldersOf(value, baseDir))

  const config = value as Omit<Config, 'baseDir'>
  return { ...config, baseDir, routes: resolve(baseDir, config.routes), openapi: resolve(baseDir, config.openapi) }
}
