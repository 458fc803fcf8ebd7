import type { Violation } from '../errors.ts'
import { pointerToken } from '../schema/json-schema.ts'
import { matrixText } from './matrix-path.ts'
import { EncodingFault } from './parameter-style.ts'
import type { Values } from './query-reader.ts'
import { routerPath } from './router-path.ts'
import { MISWRITTEN, type TextParameter, valueOfText, writtenAs } from './text-parameter.ts'

interface PathPart {
  parameter: TextParameter
  routerName: string
  /** Where its segment is, counted from the end, and what stands around it there; null when it shares the segment. */
  segment: { fromEnd: number; before: number; after: number } | null
}

/** Reads the parameters of a path, which the router has cut out and decoded. */
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
   * @param url     as it came, for values in which an encoded delimiter is data
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
          ;(violations ??= []).push({ in: 'params', pointer: `/${pointerToken(name)}`, expected: writtenAs(parameter) })
        } else values[name] = value
      } catch (error) {
        if (!(error instanceof EncodingFault)) throw error
        ;(violations ??= []).push({
          in: 'params',
          pointer: `/${pointerToken(name)}`,
          expected: 'percent-encoding of valid UTF-8',
        })
      }
    }
    return violations
  }
}

const isOneText = ({ shape }: TextParameter): boolean => !shape.list && !shape.object

const known = new WeakMap<TextParameter, TextParameter>()

/** The same for a text that is decoded already. */
function undecoded(parameter: TextParameter): TextParameter {
  let found = known.get(parameter)
  if (!found) known.set(parameter, (found = { ...parameter, decode: (text) => text }))
  return found
}

/** Null when the text cannot be told from what else is in its segment. */
function rawText({ segment, parameter }: PathPart, url: string): string | null {
  if (segment === null) return null
  const text = url.split('?', 1)[0]!.split('/').at(-segment.fromEnd)!
  if (parameter.style === 'matrix') return matrixText(text)
  return text.slice(segment.before, text.length - segment.after)
}
