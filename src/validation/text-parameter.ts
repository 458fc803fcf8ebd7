import type { ApiDocument, ApiParameter } from '../schema/types.ts'
import { holdsNameTwice } from './duplicate-names.ts'
import { isJson } from './media-type.ts'
import { asItIs, decodeForm, decodePercent, styledValue, type TextForm } from './parameter-style.ts'
import { scalarValue, type TextShape, textShape } from './text-shape.ts'

/** What a text that is not written as it should be is read as; nothing is valid there. */
export const MISWRITTEN = Symbol('miswritten')

/** A parameter or a field of a form, made ready to be read. */
export interface TextParameter extends TextForm {
  schemaPointer: string | null
  required: boolean
  allowEmptyValue: boolean
  /** Whether it is JSON within the text. */
  json: boolean
  /**
   * Whether its values have the types of the schema once they are read; else the validator lets texts stand for them.
   */
  typed: boolean
}

/** What a description of a parameter and one of a field have in common. */
type Described = Pick<ApiParameter, 'name' | 'required' | 'style' | 'explode' | 'schemaPointer'> & {
  allowEmptyValue?: boolean
  mediaType?: string
}

/** @param place  where it stands, which says how it is encoded */
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
    // an object whose properties stand by themselves has no text that could be empty
    allowEmptyValue:
      allowEmptyValue &&
      !(shape.object && (style === 'deepObject' || (style === 'form' && explode && !shape.other && !shape.list))),
    json,
    typed: json || shape.scalar !== null || schemaPointer === null || isTypedList(shape),
  }
}

const isTypedList = ({ list, object, other, items }: TextShape): boolean => list && items !== null && !object && !other

/** The value of one text in the style of the parameter. @throws EncodingFault */
export function valueOfText(parameter: TextParameter, raw: string): unknown {
  if (parameter.json) return jsonValue(parameter.decode(raw))
  const { shape } = parameter
  if (shape.scalar !== null && (parameter.style === 'form' || parameter.style === 'simple')) {
    return scalarValue(parameter.decode(raw), shape.scalar)
  }
  const value = styledValue(parameter, raw)
  return value === undefined ? MISWRITTEN : typedValue(parameter, value)
}

/** Gives texts the types that the schema names, where it names one. */
export function typedValue({ typed, shape }: TextParameter, value: unknown): unknown {
  if (!typed) return value
  if (typeof value === 'string') return shape.scalar === null ? value : scalarValue(value, shape.scalar)
  const { items } = shape
  return Array.isArray(value) && items !== null ? value.map((text) => scalarValue(text, items)) : value
}

/** JSON within a text; miswritten when two readers could read it differently. */
export function jsonValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return holdsNameTwice(text, value) ? MISWRITTEN : value
  } catch {
    return MISWRITTEN
  }
}

/** What a value should have been that is not written as its style says. */
export function writtenAs({ name, json, style, explode, shape }: TextParameter): string {
  if (json) return 'well-formed JSON, each name once'
  const kind = shape.list ? 'a list' : shape.object ? 'an object with each name once' : 'a value'
  const form = style !== 'matrix' ? '' : explode && shape.object ? ' (;name=value)' : ` (;${name}=value)`
  return `${kind} in the style ${style}${explode ? ', exploded' : ''}${form}`
}
