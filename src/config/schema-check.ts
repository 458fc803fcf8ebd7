import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { isObject } from '../schema/json-schema.ts'
import type { TSchema } from 'typebox'
import type { Problem } from '../errors.ts'
import { closest } from '../schema/suggestion.ts'
import { durationMistake, type DurationRange } from '../units.ts'
import {
  allowed,
  branches,
  fieldPath,
  found,
  foundSecret,
  holdsSecret,
  lacksScheme,
  schemaNode,
  meantValue,
  withSlashes,
  type SchemaNode,
} from './schema-wording.ts'

type Path = readonly (string | number)[]

/** A location at which a value violates its schema. */
export interface Mistake {
  path: Path
  /** States what was found and what is allowed. */
  message: string
}

// the schemas are the project's own and tested: skipping Ajv's check of them saves time at each start
const ajv = new Ajv({
  allErrors: true,
  verbose: true,
  strict: false,
  validateSchema: false,
  validateFormats: false,
  inlineRefs: false,
  code: { optimize: false },
})
ajv.addKeyword({
  keyword: 'milliseconds',
  errors: false,
  validate: (range: DurationRange, value: unknown) => durationMistake(range, value) === undefined,
})
// values that only TypeScript files can contain, and JSON cannot express
ajv.addKeyword({ keyword: 'isFunction', validate: (_: unknown, value: unknown) => typeof value === 'function' })
const compiled = new WeakMap<SchemaNode, ValidateFunction>()

/** A schema node as passed to Ajv. `original` is its source node, which is used to report mistakes. */
type Compilable = Record<string, unknown> & { original?: SchemaNode }

/**
 * Converts a schema for Ajv. Parts used in several places are compiled once. Unknown keys are mistakes in maps, too: a
 * map whose schema allows keys by pattern accepts no others.
 */
function compilable(schema: SchemaNode): Compilable {
  const $defs: Record<string, Compilable> = {}
  const names = new Map<string, string>()
  const mapOf = (nodes: Record<string, SchemaNode>): Record<string, Compilable> =>
    Object.fromEntries(Object.entries(nodes).map(([key, node]) => [key, convert(node)]))
  const convert = (node: SchemaNode): Compilable => {
    const {
      description: _,
      default: __,
      properties,
      patternProperties,
      anyOf,
      items,
      ...rest
    } = node as SchemaNode & Record<string, unknown>
    const copy: Compilable = { ...rest }
    if (properties) copy.properties = mapOf(properties)
    if (patternProperties) {
      copy.patternProperties = mapOf(patternProperties)
      copy.additionalProperties ??= false
    }
    if (anyOf) copy.anyOf = anyOf.map(convert)
    if (items) copy.items = convert(items)
    const key = JSON.stringify(copy)
    let name = names.get(key)
    if (name === undefined) {
      name = String(names.size)
      names.set(key, name)
      // not enumerable: otherwise Ajv would search it for references, the whole tree again for each node
      $defs[name] = Object.defineProperty({ ...copy }, 'original', { value: node })
    }
    return { $ref: `#/$defs/${name}` }
  }
  return { ...convert(schema), $defs }
}

function validatorOf(schema: SchemaNode): ValidateFunction {
  let validate = compiled.get(schema)
  if (!validate) {
    validate = ajv.compile(compilable(schema))
    compiled.set(schema, validate)
  }
  return validate
}

/** Steps of a JSON pointer (RFC 6901), with list positions as numbers. */
function steps(pointer: string, value: unknown): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const step = Array.isArray(value) ? Number(key) : key
      value = (value as Record<string | number, unknown>)[step]
      return step
    })
}

/** The branch of a union that the value was clearly meant for: its problems are more helpful than "none of these". */
function meantBranch(union: SchemaNode, value: unknown): SchemaNode | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const kind = Array.isArray(value) ? 'array' : 'object'
  const candidates = branches(union).filter((branch) => branch.type === kind)
  if (kind === 'array') return candidates.length === 1 ? candidates[0] : undefined
  const scored = candidates
    .map((branch) => {
      const known = Object.keys(branch.properties ?? {})
      return { branch, score: Object.keys(value).filter((key) => known.includes(key) || closest(key, known)).length }
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
  return scored[0] && scored[0].score > (scored[1]?.score ?? 0) ? scored[0].branch : undefined
}

function unknownKey(schema: SchemaNode): string {
  const known = Object.keys(schema.properties ?? {})
  if (known.length) return `unknown key, allowed: ${known.join(', ')}`
  const patterns = Object.keys(schema.patternProperties ?? {})
  return patterns.length
    ? `this name is not allowed here, allowed: names that match ${patterns.join(' or ')}`
    : 'unknown key, none is allowed here'
}

/** Names of keys in other software that are too different for a guess by edit distance. */
const ALIASES: Readonly<Record<string, string>> = { path: 'url', query: 'querystring' }

/** The known key that an unknown key was probably meant to be. */
function meantKey(key: string, known: readonly string[]): string | undefined {
  const alias = Object.hasOwn(ALIASES, key) ? ALIASES[key]! : ''
  return known.includes(alias) ? alias : closest(key, known)
}

function wrongValue(schema: SchemaNode, value: unknown): string {
  if (!branches(schema).some(({ writeOnly }) => writeOnly)) {
    if (lacksScheme(schema, value)) return `found ${found(value)}: put http:// before it, or https:// if it has TLS`
    const url = withSlashes(schema, value)
    if (url !== undefined) return `found ${found(value)}, did you mean "${url}"?`
  }
  const guess = typeof value === 'string' && !holdsSecret(schema) ? meantValue(schema, value) : undefined
  return `found ${holdsSecret(schema) ? foundSecret(value) : found(value)}, ${guess === undefined ? '' : `did you mean ${guess}? `}allowed: ${allowed(schema)}`
}

/** The beginning of the message about a missing key. */
export const MISSING = 'is missing'

/**
 * Whether an error is a cause of the failure of a union. Ajv reports causes before the union, at its location or below.
 */
const covers = (union: ErrorObject, error: ErrorObject, errors: readonly ErrorObject[]): boolean =>
  error !== union &&
  (error.instancePath === union.instancePath || error.instancePath.startsWith(`${union.instancePath}/`)) &&
  errors.indexOf(error) < errors.indexOf(union)

/**
 * Returns every location at which a value violates a schema, at most one mistake per field. A failed union is one
 * mistake, described by its `title`. If the value clearly belongs to one branch, the mistakes of that branch are
 * returned instead. Values marked `writeOnly` are never shown.
 */
export function mistakes(schema: TSchema | SchemaNode, value: unknown, at: Path = []): Mistake[] {
  const validate = validatorOf(schemaNode(schema))
  if (validate(value)) return []
  const errors = validate.errors ?? []
  const unions = errors.filter((error) => error.keyword === 'anyOf')
  const told = new Map<string, Mistake>()
  const tell = (path: Path, message: string): void => {
    const field = fieldPath(path)
    if (!told.has(field)) told.set(field, { path: [...at, ...path], message })
  }
  const meant = new Set<string>()
  for (const error of errors.filter((error) => !unions.some((union) => covers(union, error, errors)))) {
    const node = (error.parentSchema as Compilable).original!
    const path = steps(error.instancePath, value)
    if (error.keyword === 'anyOf') {
      const branch = meantBranch(node, error.data)
      if (branch) for (const inner of mistakes(branch, error.data, path)) tell(inner.path, inner.message)
      else tell(path, wrongValue(node, error.data))
    } else if (error.keyword === 'additionalProperties') {
      const key: string = error.params.additionalProperty
      const guess = meantKey(key, Object.keys(node.properties ?? {}))
      if (guess) meant.add(fieldPath([...path, guess]))
      tell([...path, key], guess ? `unknown key, did you mean "${guess}"?` : unknownKey(node))
    } else if (error.keyword === 'required') {
      const missing = node.properties?.[error.params.missingProperty]
      tell([...path, error.params.missingProperty], `${MISSING}, allowed: ${missing ? allowed(missing) : 'any value'}`)
    } else if (error.keyword === 'milliseconds') {
      tell(path, `found ${found(error.data)}, ${durationMistake(error.schema as DurationRange, error.data)}`)
    } else if (error.keyword === 'uniqueItems') {
      tell(
        path,
        `items ${Math.min(error.params.i, error.params.j)} and ${Math.max(error.params.i, error.params.j)} are the same, allowed: each item once`,
      )
    } else {
      tell(path, wrongValue(node, error.data))
    }
  }
  // a required key with a mistyped name is one mistake, not two
  for (const field of meant) if (told.get(field)?.message.startsWith(MISSING)) told.delete(field)
  return [...told.values()]
}

/**
 * Checks a value from a file against a schema.
 * @param file  name of the file as the user would type it; part of each problem
 * @returns one problem per field, with `field` such as `routes[2].auth`, what was found and what is allowed; empty when
 *   the value is valid
 */
export function checkAgainst(schema: TSchema, value: unknown, file: string): Problem[] {
  return mistakes(schema, value).map(({ path, message }) => ({ file, field: fieldPath(path), message }))
}

/**
 * The branch of a union that matches the value best: the object branch that knows most of its keys, or the list branch.
 */
function branchOf(schema: SchemaNode, value: unknown): SchemaNode | undefined {
  if (!schema.anyOf) return schema
  const all = branches(schema)
  if (Array.isArray(value)) return all.find((branch) => branch.type === 'array')
  if (!isObject(value)) return undefined
  const known = (branch: SchemaNode): number =>
    Object.keys(value).filter((key) => Object.hasOwn(branch.properties ?? {}, key)).length
  return all.filter((branch) => branch.type === 'object').sort((a, b) => known(b) - known(a))[0]
}

function fill(schema: SchemaNode, value: unknown): unknown {
  const present = value === undefined ? structuredClone(schema.default) : value
  const shape = branchOf(schema, present)
  if (shape?.properties && isObject(present)) {
    // the spread keeps unknown keys, so that the check can report them
    const filled = { ...present }
    for (const [key, part] of Object.entries(shape.properties)) {
      const inner = fill(part, Object.hasOwn(present, key) ? present[key] : undefined)
      if (inner !== undefined) filled[key] = inner
    }
    return filled
  }
  if (shape?.items && Array.isArray(present)) return present.map((item) => fill(shape.items!, item))
  return present
}

/**
 * A copy of `value` with the defaults of the schema filled in, also inside nested objects, lists and unions. Values of
 * a wrong type are kept, so that the check reports them. `value` itself is never changed.
 */
export function withDefaults(schema: TSchema, value: unknown): unknown {
  return fill(schemaNode(schema), value)
}
