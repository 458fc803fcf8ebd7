import type { ApiDocument, ApiOperation } from '../schema/types.ts'
import { decodePercent, EncodingFault, styledValue } from './parameter-style.ts'
import { textParameter, type TextParameter } from './text-parameter.ts'

interface MatrixSegment {
  parameter: TextParameter
  /** Place of the segment, counted from the end: a prefix may stand before the path. */
  fromEnd: number
  /** Fixed text before the parameter. */
  literal: string
}

/** The matrix parameters of a segment as they came, with the first semicolon; `''` when there are none. */
export function matrixText(segment: string): string {
  const at = segment.indexOf(';')
  return at === -1 ? '' : segment.slice(at)
}

/**
 * Path with parameters in the style `matrix` (`/cars;color=blue`), the only paths in which a semicolon may stand.
 * Services read path parameters in several ways, so each segment must be exactly what was declared, also where nothing
 * is validated.
 */
export class MatrixPath {
  readonly #segments: readonly MatrixSegment[]

  constructor(segments: readonly MatrixSegment[]) {
    this.#segments = segments
  }

  /**
   * @param path  canonical path that the router has found the route for
   * @returns whether each declared parameter is written as its style says, and no semicolon stands elsewhere
   */
  fits(path: string): boolean {
    const parts = path.split('/')
    for (const segment of this.#segments) {
      const part = parts.at(-segment.fromEnd)
      if (part === undefined || !isDeclared(segment, part)) return false
      parts[parts.length - segment.fromEnd] = ''
    }
    return !parts.some((part) => part.includes(';'))
  }
}

/** @returns null when the operation has no matrix parameter */
export function matrixPath(document: ApiDocument, { path, parameters }: ApiOperation): MatrixPath | null {
  const declared = parameters.filter((parameter) => parameter.in === 'path' && parameter.style === 'matrix')
  if (declared.length === 0) return null
  const parts = path.split('/')
  return new MatrixPath(
    declared.map((described) => {
      const index = parts.findIndex((part) => part.includes(`{${described.name}}`))
      return {
        parameter: textParameter(document, described, 'path'),
        fromEnd: parts.length - index,
        literal: parts[index]!.split('{', 1)[0]!,
      }
    }),
  )
}

function isDeclared({ parameter, literal }: MatrixSegment, part: string): boolean {
  const text = matrixText(part)
  try {
    return (
      decodePercent(part.slice(0, part.length - text.length)) === decodePercent(literal) &&
      styledValue(parameter, text) !== undefined
    )
  } catch (error) {
    if (error instanceof EncodingFault) return false
    throw error
  }
}
