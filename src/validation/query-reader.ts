import { pointerToken } from '../schema/json-pointer.ts'
import { violationAt } from '../schema/violations.ts'
import type { Violation } from '../errors.ts'
import { decodeForm, EncodingFault, putDeep } from './parameter-style.ts'
import { MISWRITTEN, typedValue, valueOfText, writtenAs, type TextParameter } from './text-parameter.ts'

export type Values = Record<string, unknown>
/** Most violations; then reading stops, since a form could cause hundreds of thousands. */
const MOST = 100
type Texts = string | string[] | undefined

/**
 * Reads a query, or a URL-encoded form, by the declarations of its parameters. It reads the raw text, since a
 * percent-encoded delimiter is data.
 */
export class QueryReader {
  readonly #part: string
  readonly #named: TextParameter[] = []
  readonly #indexes = new Map<string, number>()
  /** Exploded objects, whose properties are query parameters of their own; by the name of each property. */
  readonly #byProperty = new Map<string, TextParameter>()
  readonly #deep = new Map<string, TextParameter>()
  /** The exploded object that takes all undeclared names. */
  readonly #open: TextParameter | null
  readonly #keepsRest: boolean
  /**
   * Required parameters that may be empty. The reader checks that they are present, since an empty one has no value for
   * a schema.
   */
  readonly #present: readonly number[]
  readonly #aliases: NameAliases

  /**
   * @param part       `query` or `body`
   * @param keepsRest  whether undeclared names get values too
   */
  constructor(parameters: readonly TextParameter[], part: string, keepsRest = false) {
    this.#part = part
    this.#keepsRest = keepsRest
    let open: TextParameter | null = null
    for (const parameter of parameters) {
      const { name, style, explode, shape } = parameter
      if (style === 'deepObject' && shape.object) this.#deep.set(name, parameter)
      else if (style === 'form' && explode && shape.object && !shape.other && !shape.list) {
        for (const property of shape.properties.keys()) this.#byProperty.set(property, parameter)
        if (shape.properties.size === 0) open ??= parameter
      } else {
        this.#indexes.set(name, this.#named.length)
        this.#named.push(parameter)
      }
    }
    this.#open = open
    this.#present = this.#named.flatMap(({ required, allowEmptyValue }, i) => (required && allowEmptyValue ? [i] : []))
    this.#aliases = new NameAliases([...this.#indexes.keys(), ...this.#byProperty.keys(), ...this.#deep.keys()])
  }

  /**
   * @param raw     the text after the question mark
   * @param values  receives the value of each parameter, under its name
   */
  read(raw: string, values: Values): Violation[] | null {
    const violations: Violation[] = []
    const texts: Texts[] = []
    for (let start = 0; start < raw.length && violations.length < MOST;) {
      let end = raw.indexOf('&', start)
      if (end === -1) end = raw.length
      if (end > start) this.#readPair(raw.slice(start, end), texts, values, violations)
      start = end + 1
    }
    // shorter than the list of parameters when the last ones are absent
    for (let i = 0; i < texts.length; i++) {
      if (texts[i] !== undefined) this.#readValue(this.#named[i]!, texts[i]!, values, violations)
    }
    for (const i of this.#present) {
      if (texts[i] === undefined) {
        violations.push({ in: this.#part, pointer: '', expected: `a property ${JSON.stringify(this.#named[i]!.name)}` })
      }
    }
    return violations.length === 0 ? null : violations
  }

  #readPair(pair: string, texts: Texts[], values: Values, violations: Violation[]): void {
    const equals = pair.indexOf('=')
    let name = equals === -1 ? pair : pair.slice(0, equals)
    const text = equals === -1 ? '' : pair.slice(equals + 1)
    try {
      name = decodeForm(name)
      const index = this.#indexes.get(name)
      if (index === undefined) {
        this.#readOther(name, text, values, violations)
        return
      }
      const before = texts[index]
      if (before === undefined) texts[index] = text
      else if (typeof before === 'string') texts[index] = [before, text]
      else before.push(text)
    } catch (error) {
      this.#reportFault(error, '', violations)
    }
  }

  #readValue(parameter: TextParameter, texts: string | string[], values: Values, violations: Violation[]): void {
    const { name } = parameter
    try {
      const value = namedValue(parameter, texts)
      if (value === MISWRITTEN) {
        violations.push(violationAt(this.#part, name, writtenAs(parameter)))
      } else if (value !== undefined) values[name] = value
    } catch (error) {
      this.#reportFault(error, `/${pointerToken(name)}`, violations)
    }
  }

  /** Reads a name that is not itself a parameter: a property of one, or undeclared. */
  #readOther(name: string, raw: string, values: Values, violations: Violation[]): void {
    const text = decodeForm(raw)
    const bracket = this.#deep.size === 0 ? -1 : name.indexOf('[')
    const deep = bracket === -1 ? undefined : this.#deep.get(name.slice(0, bracket))
    if (deep !== undefined) {
      const object = (values[deep.name] ??= Object.create(null)) as Values
      if (!putDeep(object, name.slice(bracket), text)) {
        violations.push(
          violationAt(this.#part, deep.name, 'names in brackets that are not nested too deep: name[a][b]'),
        )
      }
      return
    }
    const property = this.#byProperty.get(name)
    const alias = property === undefined ? this.#aliases.of(name) : undefined
    if (alias !== undefined) {
      const expected = expectedName(this.#deep.has(alias) ? `${alias}[...]` : alias)
      violations.push(violationAt(this.#part, alias, expected))
      return
    }
    const owner = property ?? this.#open
    if (owner !== null) append((values[owner.name] ??= Object.create(null)) as Values, name, text)
    else if (this.#keepsRest) append(values, name, text)
  }

  #reportFault(error: unknown, pointer: string, violations: Violation[]): void {
    if (!(error instanceof EncodingFault)) throw error
    violations.push({ in: this.#part, pointer, expected: error.message })
  }
}

/** The value of a parameter. @returns undefined when it is empty and may be */
function namedValue(parameter: TextParameter, texts: string | string[]): unknown {
  const { explode, style, shape, allowEmptyValue } = parameter
  if (texts === '' && allowEmptyValue) return undefined
  if (parameter.json) return typeof texts === 'string' ? valueOfText(parameter, texts) : jsonList(parameter, texts)
  if (style === 'form' && explode && shape.list && (typeof texts !== 'string' || !shape.other)) {
    return typedValue(parameter, typeof texts === 'string' ? [parameter.decode(texts)] : texts.map(parameter.decode))
  }
  if (typeof texts === 'string') return valueOfText(parameter, texts)
  // repeated but not a list: the list fails the schema of a single value
  return shape.list ? MISWRITTEN : texts.map((text) => parameter.decode(text))
}

function jsonList(parameter: TextParameter, texts: readonly string[]): unknown {
  const values = parameter.shape.list ? texts.map((text) => valueOfText(parameter, text)) : [MISWRITTEN]
  return values.includes(MISWRITTEN) ? MISWRITTEN : values
}

function append(values: Values, name: string, text: string): void {
  const before = values[name]
  if (before === undefined) values[name] = text
  else if (Array.isArray(before)) before.push(text)
  else values[name] = [before, text]
}

/**
 * Finds names that a backend may read as a declared parameter although the gateway does not. PHP and the `qs` of
 * Express read `limit[]=5` as `limit`; PHP also cuts names at a NUL, trims spaces, and reads spaces and dots as `_`.
 * Such a value would reach the backend unchecked.
 */
export class NameAliases {
  readonly #names = new Map<string, string>()

  /** @param names  declared names; those with brackets have no alias */
  constructor(names: Iterable<string>) {
    for (const name of names) if (!name.includes('[')) this.#names.set(plainName(name), name)
  }

  /** The declared name that a backend may read this name as. */
  of(name: string): string | undefined {
    return this.#names.get(plainName(name))
  }
}

/** The name as the most lenient backend reads it. */
function plainName(name: string): string {
  const end = name.search(/[[\0]/)
  return (end === -1 ? name : name.slice(0, end)).trim().replace(/[ .]/g, '_')
}

/** The expectation for a violation: the declared name. */
export const expectedName = (name: string): string => `the name ${JSON.stringify(name)} as it is documented`
