import { violationAt } from '../schema/violations.ts'
import type { Violation } from '../errors.ts'
import { matrixText } from './matrix-path.ts'
import { EncodingFault } from './parameter-style.ts'
import type { Values } from './query-reader.ts'
import { MISWRITTEN, valueOfText, writtenAs, type TextParameter } from './text-parameter.ts'

interface PathPart {
  parameter: TextParameter
  routerName: string
  /**
   * Where its segment is, counted from the end, and how much fixed text surrounds it; null when it shares the segment
   * with another parameter.
   */
  segment: { fromEnd: number; before: number; after: number } | null
}

/** Reads the parameters of a path that the router has extracted and decoded. */
export class PathReader {
  readonly #parts: PathPart[] = []

  /** @param path  as the document has it */
  constructor(path: string, parameters: readonly TextParameter[]) {
    const segments = path.split('/')
    for (const [routerName, documentName] of routerPath(path).parameters) {
      const parameter = parameters.find(({ name }) => name === documentName)
      if (parameter === undefined) continue
      const index = segments.findIndex((segment) => segment.includes(`{${documentName}}`))
      const [before, after, more] = segments[index]!.split(/\{[^{}]*\}/)
      this.#parts.push({
        parameter,
        routerName,
        segment:
          more === undefined
            ? { fromEnd: segments.length - index, before: before!.length, after: after!.length }
            : null,
      })
    }
  }

  /**
   * @param params  by the router's names, decoded
   * @param url     raw, for values in which an encoded delimiter is data
   */
  read(params: Record<string, string>, url: string, values: Values): Violation[] | null {
    let violations: Violation[] | null = null
    for (const part of this.#parts) {
      const { parameter, routerName } = part
      const { name } = parameter
      try {
        const raw = parameter.style !== 'matrix' && isOneText(parameter) ? null : rawText(part, url)
        const value =
          raw === null ? valueOfText(undecoded(parameter), params[routerName]!) : valueOfText(parameter, raw)
        if (value === MISWRITTEN) {
          ;(violations ??= []).push(violationAt('params', name, writtenAs(parameter)))
        } else values[name] = value
      } catch (error) {
        if (!(error instanceof EncodingFault)) throw error
        ;(violations ??= []).push(violationAt('params', name, error.message))
      }
    }
    return violations
  }
}

const isOneText = ({ shape }: TextParameter): boolean => !shape.list && !shape.object

const known = new WeakMap<TextParameter, TextParameter>()

/** A copy of the parameter for a text that is already decoded. */
function undecoded(parameter: TextParameter): TextParameter {
  let found = known.get(parameter)
  if (!found) known.set(parameter, (found = { ...parameter, decode: (text) => text }))
  return found
}

/** The raw text of a parameter; null when it shares its segment with another parameter. */
function rawText({ segment, parameter }: PathPart, url: string): string | null {
  if (segment === null) return null
  const text = url.split('?', 1)[0]!.split('/').at(-segment.fromEnd)!
  if (parameter.style === 'matrix') return matrixText(text)
  return text.slice(segment.before, text.length - segment.after)
}

/** The path of an operation as the router reads it. */
interface RouterPath {
  /** `/pets/:petId.:ext` */
  url: string
  /** Name of each parameter in the router and in the document. */
  parameters: readonly (readonly [routerName: string, documentName: string])[]
}

const TEMPLATE = /\{([^{}]*)\}/g

/**
 * Turns a path of an API document (`/pets/{petId}.{ext}`, `/v1/{name}:cancel`) into the pattern of the router. Names
 * that the router would read differently are replaced.
 * @throws Error  when no request can have such a path
 */
export function routerPath(path: string): RouterPath {
  const parameters: [string, string][] = []
  let url = ''
  let end = 0
  for (const match of path.matchAll(TEMPLATE)) {
    url += literal(path.slice(end, match.index), parameters.length)
    end = match.index + match[0].length
    const name = routerName(match[1]!, parameters)
    parameters.push([name, match[1]!])
    url += `:${name}${expressionBefore(path.slice(end))}`
  }
  return { url: url + literal(path.slice(end), parameters.length), parameters }
}

/** The expression for a parameter when the router would read the following text as part of its name. */
function expressionBefore(rest: string): string {
  const [next] = rest
  if (next === undefined || next === '/' || next === '-' || next === '.') return ''
  const another = /^[^/]*\{/.test(rest)
  // two adjacent parameters could match a text in as many ways as it has characters
  return another && next !== '{' && next !== '*' ? `([^${/[\\^\]]/.test(next) ? '\\' : ''}${next}]+)` : '(.+?)'
}

/** Fixed text of a path, with characters that are special to the router escaped. */
function literal(text: string, at: number): string {
  if (/[?#]/.test(text)) throw new Error('a path has no query and no fragment: remove "?" and "#"')
  const plain = decoded(text)
  // eslint-disable-next-line no-control-regex
  if (/[\\;\0-\x1f\x7f]/.test(plain)) {
    throw new Error('the gateway refuses paths with backslashes, semicolons and control characters: remove them')
  }
  return plain.replaceAll(':', '::').replaceAll('*', `:star${at}(\\*)`)
}

/** Decodes fixed text, since the router compares decoded paths. */
function decoded(text: string): string {
  try {
    return decodeURI(text)
  } catch {
    return text
  }
}

function routerName(name: string, taken: readonly [string, string][]): string {
  let free = /^[A-Za-z_]\w*$/.test(name) && !(name in {}) ? name : name.replace(/\W/g, '_').replace(/^(?=\d|$)/, 'p')
  while (free in {} || taken.some(([other]) => other === free)) free += '_'
  return free
}
