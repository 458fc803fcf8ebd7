import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TSchema } from 'typebox'
import type { Problem } from '../errors.ts'
import { readFailure } from '../schema/data-file.ts'
import { mistakes } from './schema-check.ts'
import { allowed, branches, found, foundSecret, schemaNode, type SchemaNode } from './schema-wording.ts'
import { closest } from '../schema/suggestion.ts'

const PREFIX = 'GATEHOUSE_'

/** An environment variable that sets one leaf of the configuration. */
export interface Variable {
  name: string
  /** The keys down to the leaf. */
  path: readonly string[]
  /** The number of keys that lead to a section which can also be a plain value such as `false`. */
  switches: ReadonlySet<number>
  /** Schemas of the plain values that the leaf accepts. */
  scalars: readonly SchemaNode[]
  /** Whether the leaf may be a list of strings, separated by commas. */
  list: boolean
  /** Whether `<name>_FILE` is accepted too. */
  secret: boolean
  /** Whether the leaf may also be a section or a list of sections, which no variable can express. */
  structured: boolean
}

/** A value that does not come from the configuration file. */
export interface Setting {
  path: readonly string[]
  switches?: ReadonlySet<number>
  value: unknown
  /** Name of the variable or option. */
  source: string
}

const SCALARS = ['string', 'integer', 'number', 'boolean']
const isScalar = (schema: SchemaNode): boolean =>
  SCALARS.includes(schema.type ?? '') || schema.enum !== undefined || 'const' in schema
const isText = (schema: SchemaNode): boolean =>
  schema.type === 'string' || (schema.enum?.every((value) => typeof value === 'string') ?? false)

const nameOf = (path: readonly string[]): string =>
  PREFIX + path.map((key) => key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_')

function collect(schema: SchemaNode, path: readonly string[], switches: ReadonlySet<number>, into: Variable[]): void {
  const shapes = branches(schema)
  const scalars = shapes.filter(isScalar)
  const list = shapes.some((shape) => shape.type === 'array' && shape.items !== undefined && isText(shape.items))
  if (path.length && (scalars.length || list)) {
    const variable = {
      name: nameOf(path),
      path,
      switches,
      scalars,
      list,
      secret: scalars.some((scalar) => scalar.writeOnly),
      structured: shapes.some((shape) => !isScalar(shape)) && !list,
    }
    // the shapes of a union may have keys in common
    const at = into.findIndex(({ name }) => name === variable.name)
    if (at === -1) into.push(variable)
    else {
      into[at] = {
        ...variable,
        scalars: [...into[at]!.scalars, ...scalars],
        list: list || into[at]!.list,
        secret: variable.secret || into[at]!.secret,
        structured: variable.structured || into[at]!.structured,
      }
    }
  }
  for (const shape of shapes) {
    for (const [key, part] of Object.entries(shape.properties ?? {})) {
      collect(part, [...path, key], shapes.length > 1 ? new Set([...switches, path.length]) : switches, into)
    }
  }
}

/** Every environment variable of a configuration schema: one for each plain value and each list of text in it. */
export function environmentVariables(schema: TSchema): Variable[] {
  const variables: Variable[] = []
  collect(schemaNode(schema), [], new Set(), variables)
  return variables
}

/**
 * Converts the text of a variable to the type that the schema most likely expects. The check reports a value that does
 * not fit.
 */
function valueOf(variable: Variable, text: string): unknown {
  const items = (): string[] =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
  if (variable.list && !variable.scalars.some(isText)) return items()
  const plain = text.trim()
  for (const scalar of variable.scalars) {
    if ('const' in scalar && typeof scalar.const !== 'string' && String(scalar.const) === plain) return scalar.const
    if (scalar.type === 'boolean' && (plain === 'true' || plain === 'false')) return plain === 'true'
    if ((scalar.type === 'integer' || scalar.type === 'number') && /^-?\d+(\.\d+)?$/.test(plain)) return Number(plain)
  }
  if (variable.list && text.includes(',')) return items()
  return variable.secret ? text : plain
}

/**
 * Kubernetes puts these into every container next to a service called `gatehouse`: `GATEHOUSE_SERVICE_HOST`,
 * `GATEHOUSE_PORT=tcp://...`, `GATEHOUSE_PORT_3000_TCP_ADDR`. They are not settings.
 */
function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT)(_|$)/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_|$)/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  )
}

/** Path of the section or map that would have this name, if sections had variables. */
function sectionOf(schema: SchemaNode, name: string, path: readonly string[] = []): string | undefined {
  if (path.length > 0 && nameOf(path) === name) return path.join('.')
  for (const shape of branches(schema)) {
    for (const [key, part] of Object.entries(shape.properties ?? {})) {
      const section = sectionOf(part, name, [...path, key])
      if (section !== undefined) return section
    }
  }
  return undefined
}

/** Names of the variables for the parts of a section, or undefined when there are none. */
function partsOf(name: string, known: ReadonlyMap<string, unknown>): string | undefined {
  const parts = [...known.keys()].filter((other) => other.startsWith(`${name}_`) && !other.endsWith('_FILE'))
  return parts.length === 0 ? undefined : `${parts.slice(0, 4).join(', ')}${parts.length > 4 ? ', …' : ''}`
}

/** The message for a variable with a value that is not allowed, when its field can also be a section. */
function plainOnly(
  { name, path, scalars, secret, structured }: Variable,
  value: unknown,
  known: ReadonlyMap<string, unknown>,
): string | undefined {
  if (!structured || scalars.some((scalar) => mistakes(scalar, value).length === 0)) return undefined
  const parts = partsOf(name, known)
  return `found ${secret ? foundSecret(value) : found(value)}, allowed in the environment: ${scalars.map(allowed).join(' or ')}${parts ? `, or a part by ${parts}` : ''}; all else is stated as "${path.join('.')}" in the configuration file`
}

function unknownVariable(name: string, known: ReadonlyMap<string, unknown>, schema: SchemaNode): string {
  const section = sectionOf(schema, name)
  if (section !== undefined) {
    const parts = partsOf(name, known)
    return `cannot be set as a whole by the environment, allowed: ${parts ? `its parts by ${parts}, or ` : ''}"${section}" in the configuration file`
  }
  const base = name.replace(/_FILE$/, '')
  if (known.has(base)) return `unknown environment variable, only secrets can be in a file, allowed: ${base}`
  // compare without the common prefix, else all short names would look alike
  const guess = closest(
    name.slice(PREFIX.length),
    [...known.keys()].map((other) => other.slice(PREFIX.length)),
  )
  return `unknown environment variable, ${guess ? `did you mean ${PREFIX}${guess}?` : 'allowed: those that docs/configuration.md lists'}`
}

/**
 * Reads the settings from environment variables. An empty variable counts as absent.
 * @param cwd  the folder to which relative paths of `..._FILE` variables refer
 * @returns the settings, and a problem for each unknown variable, unreadable file, or secret that is given twice
 */
export function readEnvironment(
  schema: TSchema,
  env: NodeJS.ProcessEnv,
  cwd: string,
): { settings: Setting[]; problems: Problem[] } {
  const settings: Setting[] = []
  const problems: Problem[] = []
  const known = new Map<string, { variable: Variable; file: boolean }>()
  for (const variable of environmentVariables(schema)) {
    known.set(variable.name, { variable, file: false })
    if (variable.secret) known.set(`${variable.name}_FILE`, { variable, file: true })
  }
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || !text || isServiceLink(name, text)) continue
    const entry = known.get(name)
    if (!entry) {
      problems.push({ file: name, field: '', message: unknownVariable(name, known, schemaNode(schema)) })
      continue
    }
    const { variable, file } = entry
    if (!file) {
      const value = valueOf(variable, text)
      const message = plainOnly(variable, value, known)
      if (message) problems.push({ file: name, field: '', message })
      else settings.push({ path: variable.path, switches: variable.switches, value, source: name })
    } else if (env[variable.name]) {
      problems.push({ file: name, field: '', message: `${variable.name} is set too, allowed: one of the two` })
    } else {
      try {
        const content = readFileSync(resolve(cwd, text), 'utf8').replace(/\r?\n$/, '')
        if (content) settings.push({ path: variable.path, switches: variable.switches, value: content, source: name })
        else problems.push({ file: name, field: '', message: `the file ${text} is empty` })
      } catch (error) {
        problems.push({ file: name, field: '', message: `the file ${text} cannot be read: ${readFailure(error)}` })
      }
    }
  }
  return { settings, problems }
}
