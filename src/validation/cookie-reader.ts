import { violationAt } from '../schema/violations.ts'
import type { Violation } from '../errors.ts'
import { expectedName, NameAliases, type Values } from './query-reader.ts'
import { EncodingFault } from './parameter-style.ts'
import { MISWRITTEN, valueOfText, writtenAs, type TextParameter } from './text-parameter.ts'

/** Reads the parameters among the cookies of a request (RFC 6265, section 4.2.1). */
export class CookieReader {
  readonly #byName: ReadonlyMap<string, TextParameter>
  readonly #aliases: NameAliases

  constructor(parameters: readonly TextParameter[]) {
    this.#byName = new Map(parameters.map((parameter) => [parameter.name, parameter]))
    this.#aliases = new NameAliases(this.#byName.keys())
  }

  /** @param header  the Cookie header; undeclared cookies are ignored */
  read(header: string, values: Values): Violation[] | null {
    let violations: Violation[] | null = null
    const seen = new Set<string>()
    for (const pair of header.split(';')) {
      const equals = pair.indexOf('=')
      const name = (equals === -1 ? pair : pair.slice(0, equals)).trim()
      const parameter = this.#byName.get(name)
      if (parameter === undefined) {
        const alias = this.#aliases.of(name)
        if (alias !== undefined) (violations ??= []).push(violationAt('cookies', alias, expectedName(alias)))
        continue
      }
      const expected = seen.has(name)
        ? 'a single cookie of this name'
        : readInto(values, parameter, equals === -1 ? '' : pair.slice(equals + 1).trim())
      seen.add(name)
      if (expected !== null) (violations ??= []).push(violationAt('cookies', name, expected))
    }
    return violations
  }
}

/** Reads one cookie. @returns what was expected instead; null when it is valid */
function readInto(values: Values, parameter: TextParameter, text: string): string | null {
  const isQuoted = text.length > 1 && text.startsWith('"') && text.endsWith('"')
  try {
    const value = valueOfText(parameter, isQuoted && !parameter.json ? text.slice(1, -1) : text)
    if (value === MISWRITTEN) return writtenAs(parameter)
    values[parameter.name] = value
    return null
  } catch (error) {
    if (error instanceof EncodingFault) return error.message
    throw error
  }
}
