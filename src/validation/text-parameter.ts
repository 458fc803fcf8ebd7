import type { ApiDocument, ApiParameter } from '../schema/types.ts'
import { holdsNameTwice } from './duplicate-names.ts'
import { isJson } from './media-type.ts'
import { asItIs, decodeForm, decodePercent, styledValue, type TextForm } from './parameter-style.ts'
import { scalarValue, type TextShape, textShape } from './text-shape.ts'

/** The value of a text that is not written in its style; it is never valid. */
export const MISWRITTEN = Symbol('miswritten')

/** A parameter or form field, prepared for reading. */
export interface TextParameter extends TextForm {
  schemaPointer: string | null
  required: boolean
  allowEmptyValue: boolean
  /** Whether the text is JSON. */
  json: boolean
  /** Whether its values have the types of the schema after reading; otherwise the validator coerces texts. */
  typed: boolean
}

/** What the descriptions of a parameter and of a field have in common. */
type Described = Pick<ApiParameter, 'name' | 'required' | 'style' | 'explode' | 'schemaPointer'> & {
  allowEmptyValue?: boolean
  mediaType?: string
}

/** @param place  where it is sent, which determines its encoding */
export function textParameter(
  { root }: ApiDocument,
  described: Described,
  place: ApiParameter['in'] | 'form',
): TextParameter {
  const { name, required, style, explode, schemaPointer, mediaType, allowEmptyValue = false } = described
  const shape = textShape(root, schemaPointer)
  const json = mediaType !== undefined && isJson(mediaType)
  return {
    name,
    required,
    style,
    explode,
    shape: json || mediaType !== undefined ? { ...shape, list: false, object: false, other: true } : shape,
    decode: place === 'header' ? asItIs : place === 'path' || place === 'cookie' ? decodePercent : decodeForm,
    schemaPointer,
    // an exploded object has no text of its own that could be empty
    allowEmptyValue:
      allowEmptyValue &&
      !(shape.object && (style === 'deepObject' || (style === 'form' && explode && !shape.other && !shape.list))),
    json,
    typed: json || shape.scalar !== null || schemaPointer === null || isTypedList(shape),
  }
}

const isTypedList = ({ list, object, other, items }: TextShape): boolean => list && items !== null && !object && !other

/** Reads one text in the style of the parameter. @throws EncodingFault */
export function valueOfText(parameter: TextParameter, raw: string): unknown {
  if (parameter.json) return jsonValue(parameter.decode(raw))
  const { shape } = parameter
  if (shape.scalar !== null && (parameter.style === 'form' || parameter.style === 'simple')) {
    return scalarValue(parameter.decode(raw), shape.scalar)
  }
  const value = styledValue(parameter, raw)
  return value === undefined ? MISWRITTEN : typedValue(parameter, value)
}

/** Converts texts to the type of the schema, when it has one. */
export function typedValue({ typed, shape }: TextParameter, value: unknown): unknown {
  if (!typed) return value
  if (typeof value === 'string') return shape.scalar === null ? value : scalarValue(value, shape.scalar)
  const { items } = shape
  return Array.isArray(value) && items !== null ? value.map((text) => scalarValue(text, items)) : value
}

/** Parses JSON; `MISWRITTEN` when it is malformed or has a name twice. */
export function jsonValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return holdsNameTwice(text, value) ? MISWRITTEN : value
  } catch {
    return MISWRITTEN
  }
}

/** The expectation for a value that is not written in its style. */
export function writtenAs({ name, json, style, explode, shape }: TextParameter): string {
  if (json) return 'well-formed JSON, each name once'
  const kind = shape.list ? 'a list' : shape.object ? 'an object with each name once' : 'a value'
  const form = style !== 'matrix' ? '' : explode && shape.object ? ' (;name=value)' : ` (;${name}=value)`
  return `${kind} in the style ${style}${explode ? ', exploded' : ''}${form}`
}
