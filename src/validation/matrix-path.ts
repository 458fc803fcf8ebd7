import type { ApiDocument, ApiOperation } from '../schema/types.ts'
import { decodePercent, EncodingFault, styledValue } from './parameter-style.ts'
import { textParameter, type TextParameter } from './text-parameter.ts'

interface MatrixSegment {
  parameter: TextParameter
  /** Position of the segment, counted from the end, since a prefix may precede the path. */
  fromEnd: number
  /** Fixed text before the parameter. */
  literal: string
}

/** The raw matrix parameters of a segment, from its first semicolon; `''` when there are none. */
export function matrixText(segment: string): string {
  const at = segment.indexOf(';')
  return at === -1 ? '' : segment.slice(at)
}

/**
 * Path with parameters in the style `matrix` (`/cars;color=blue`), the only paths that may contain a semicolon.
 * Services read matrix parameters differently, so each segment must be exactly as declared, even when validation is
 * off.
 */
export class MatrixPath {
  readonly #segments: readonly MatrixSegment[]

  constructor(segments: readonly MatrixSegment[]) {
    this.#segments = segments
  }

  /**
   * @param path  canonical path that the router matched
   * @returns whether each declared parameter is written in its style, and there is no other semicolon
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
