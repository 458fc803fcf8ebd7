import type { ParameterStyle } from '../schema/types.ts'
import type { TextShape } from './text-shape.ts'

/** How a value is written as text (OpenAPI 3.1, section 4.8.12.2; RFC 6570). */
export interface TextForm {
  name: string
  style: ParameterStyle
  explode: boolean
  shape: TextShape
  /** Reads one part between delimiters. */
  decode(raw: string): string
}

/** The percent-encoding of a text is broken, or it does not decode to UTF-8. */
export class EncodingFault extends Error {
  constructor() {
    super('percent-encoding of valid UTF-8')
  }
}

/** Percent-decoding of a path. @throws EncodingFault */
export function decodePercent(raw: string): string {
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    throw new EncodingFault()
  }
}

/** Percent-decoding of a query or form, in which a plus sign is a space. @throws EncodingFault */
export const decodeForm = (raw: string): string => decodePercent(raw.includes('+') ? raw.replaceAll('+', ' ') : raw)

export const asItIs = (raw: string): string => raw

/**
 * Splits a text by its style into a text, a list of texts or an object of texts, as the schema expects. Percent-encoded
 * delimiters are data.
 * @returns undefined when the text is not written in its style
 * @throws EncodingFault
 */
export function styledValue(form: TextForm, raw: string): unknown {
  switch (form.style) {
    case 'matrix':
      return raw[0] === ';' ? matrixValue(form, raw.slice(1).split(';')) : undefined
    case 'label':
      return raw[0] === '.' ? delimited(form, raw.slice(1), form.explode ? '.' : ',') : undefined
    case 'spaceDelimited':
      return delimited(form, raw, /%20|\+| /)
    case 'pipeDelimited':
      return delimited(form, raw, /%7C|\|/i)
    default:
      return delimited(form, raw, ',')
  }
}

/**
 * `;color=blue,black`, exploded `;color=blue;color=black` or `;R=100;G=200`. No other name is allowed, and only a list
 * may repeat its name.
 */
function matrixValue(form: TextForm, pieces: readonly string[]): unknown {
  const { name, explode, shape, decode } = form
  const fields = pieces.map((piece): [name: string, text: string] => {
    const at = piece.indexOf('=')
    return at === -1 ? [decode(piece), ''] : [decode(piece.slice(0, at)), piece.slice(at + 1)]
  })
  const text = fields[0]![1]
  if (fields.every(([own]) => own === name) && (!explode || shape.list || shape.other)) {
    if (!explode) return fields.length === 1 ? delimited(form, text, ',') : undefined
    if (fields.length === 1 && (shape.other || !shape.list)) return decode(text)
    return shape.list ? fields.map(([, member]) => decode(member)) : undefined
  }
  if (!explode || !shape.object) return undefined
  const object = Object.create(null) as Record<string, string>
  const isKnown = (own: string): boolean => shape.properties.has(own) || shape.open
  return fields.every(([own, member]) => isKnown(own) && put(object, own, decode(member))) ? object : undefined
}

function delimited(form: TextForm, raw: string, delimiter: string | RegExp): unknown {
  const { shape, decode } = form
  if (!shape.list && !shape.object) return decode(raw)
  const parts = raw === '' ? [] : raw.split(delimiter)
  if (shape.other && parts.length < 2) return decode(raw)
  if (shape.list) return parts.map((part) => decode(part))
  return objectOf(form, parts)
}

/** `a=1,b=2` when exploded, else `a,1,b,2`. */
function objectOf({ explode, style, decode }: TextForm, parts: readonly string[]): unknown {
  const object = Object.create(null) as Record<string, string>
  if (explode && style !== 'spaceDelimited' && style !== 'pipeDelimited') {
    for (const part of parts) {
      const at = part.indexOf('=')
      if (at === -1 || !put(object, decode(part.slice(0, at)), decode(part.slice(at + 1)))) return undefined
    }
    return object
  }
  if (parts.length % 2 !== 0) return undefined
  for (let i = 0; i < parts.length; i += 2) if (!put(object, decode(parts[i]!), decode(parts[i + 1]!))) return undefined
  return object
}

/** Sets a property. @returns false when the name is already set, since a backend may use either value */
function put(object: Record<string, string>, name: string, value: string): boolean {
  if (name in object) return false
  object[name] = value
  return true
}

/** How deep the brackets of `deepObject` may go. */
const DEEPEST = 5
const BRACKETS = /^(?:\[[^[\]]*\])+$/

/**
 * Sets one value of a `deepObject`: `filter[a][b]=1`. A repeated name, or one that ends in `[]`, makes a list.
 * @param path  the brackets
 * @returns whether they are well-formed and not too deep
 */
export function putDeep(object: Record<string, unknown>, path: string, value: string): boolean {
  if (!BRACKETS.test(path)) return false
  const keys = path.slice(1, -1).split('][')
  const isList = keys.length > 1 && keys.at(-1) === ''
  if (isList) keys.pop()
  if (keys.length > DEEPEST || keys.includes('')) return false
  let within = object
  for (const key of keys.slice(0, -1)) {
    const next = (within[key] ??= Object.create(null))
    if (typeof next !== 'object' || Array.isArray(next)) return false
    within = next as Record<string, unknown>
  }
  const last = keys.at(-1)!
  const before = within[last]
  if (before === undefined) within[last] = isList ? [value] : value
  else if (Array.isArray(before)) before.push(value)
  else if (typeof before === 'string') within[last] = [before, value]
  else return false
  return true
}
