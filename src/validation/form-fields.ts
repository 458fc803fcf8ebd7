import type { Violation } from '../errors.ts'
import type { ApiDocument, ApiMedia, ParameterStyle } from '../schema/types.ts'
import { atPointer, isObject, pointerToken } from '../schema/json-schema.ts'
import { isInRange, isJson } from './media-type.ts'
import type { FormPart } from './multipart-parts.ts'
import { expectedName, NameAliases } from './name-alias.ts'
import { QueryReader, type Values } from './query-reader.ts'
import { jsonValue, MISWRITTEN, type TextParameter, textParameter, typedValue } from './text-parameter.ts'
import { type TextShape, textShape } from './text-shape.ts'

/** What has been read of a body, and what was wrong with how it is written. */
export interface ReadFields {
  values: Values
  violations: Violation[] | null
}

/** The fields of a form as schema and Encoding Objects (OpenAPI 3.1, section 4.8.15) describe them. */
export class FormFields {
  /** Whether values have the types of the schema once they are read. */
  readonly typed: boolean
  readonly #fields = new Map<string, TextParameter>()
  /** Content types that a part may have. */
  readonly #types = new Map<string, string[]>()
  readonly #line: QueryReader
  readonly #aliases: NameAliases

  constructor(document: ApiDocument, { schemaPointer, encoding }: ApiMedia) {
    const shape = textShape(document.root, schemaPointer)
    for (const [name, pointer] of shape.properties) {
      this.#fields.set(name, fieldOf(document, name, pointer, encoding[name]))
    }
    for (const [name, { contentType }] of Object.entries(encoding)) {
      if (typeof contentType === 'string') {
        this.#types.set(
          name,
          contentType
            .toLowerCase()
            .split(',')
            .map((type) => type.split(';', 1)[0]!.trim()),
        )
      }
    }
    this.typed = !shape.open && [...this.#fields.values()].every(({ typed }) => typed)
    this.#line = new QueryReader([...this.#fields.values()], 'body', true)
    this.#aliases = new NameAliases(this.#fields.keys())
  }

  /** Reads a form in one line. */
  fromLine(text: string): ReadFields {
    const values: Values = Object.create(null)
    return { violations: this.#line.read(text, values), values }
  }

  fromParts(parts: readonly FormPart[]): ReadFields {
    const values: Values = Object.create(null)
    const violations: Violation[] = []
    for (const part of parts) {
      const { name, type } = part
      const pointer = `/${pointerToken(name)}`
      const types = this.#types.get(name)
      if (type !== undefined && types && !types.some((range) => isInRange(type, range))) {
        violations.push({ in: 'body', pointer, expected: `the content type ${types.join(' or ')}` })
      }
      const field = this.#fields.get(name)
      const alias = field === undefined ? this.#aliases.of(name) : undefined
      const value = partValue(part, field)
      if (alias !== undefined) {
        violations.push({ in: 'body', pointer: `/${pointerToken(alias)}`, expected: expectedName(alias) })
      } else if (value === MISWRITTEN) {
        violations.push({ in: 'body', pointer, expected: 'well-formed JSON, each name once' })
      } else if (!field?.shape.list || Array.isArray(value)) append(values, name, value)
      else append(values, name, [value])
    }
    return { values, violations: violations.length === 0 ? null : violations }
  }
}

function append(values: Values, name: string, value: unknown): void {
  if (!(name in values)) values[name] = value
  else if (Array.isArray(values[name])) values[name].push(...(Array.isArray(value) ? value : [value]))
  else values[name] = [values[name], value]
}

function fieldOf(document: ApiDocument, name: string, pointer: string, encoding: unknown): TextParameter {
  const { style, explode, contentType } = isObject(encoding) ? encoding : {}
  const stated = style !== undefined || explode !== undefined
  const shape = textShape(document.root, pointer)
  // without a style, objects are JSON (OpenAPI 3.1, section 4.8.15.1)
  const mediaType = stated
    ? undefined
    : contentType !== undefined && isJson(String(contentType))
      ? 'application/json'
      : holdsObjects(document, shape, pointer)
        ? 'application/json'
        : undefined
  const field = textParameter(
    document,
    {
      name,
      required: false,
      style: (style ?? 'form') as ParameterStyle,
      explode: explode ?? (style === undefined || style === 'form'),
      schemaPointer: pointer,
      mediaType,
    },
    'form',
  )
  // several parts make a list of it
  return mediaType === undefined ? field : { ...field, shape: { ...field.shape, list: shape.list } }
}

/** Whether a value, or each of a list, is an object. */
function holdsObjects(document: ApiDocument, shape: TextShape, pointer: string): boolean {
  if (!shape.list) return shape.object
  const items = `${pointer}/items`
  return atPointer(document.root, items) !== undefined && textShape(document.root, items).object
}

function partValue({ type, isFile, bytes }: FormPart, field: TextParameter | undefined): unknown {
  if (!isFile && (field?.json || (type !== undefined && isJson(type)))) return jsonValue(bytes.toString('utf8'))
  // bytes are text to a schema, one character each
  if (isFile || (type !== undefined && !type.startsWith('text/'))) return bytes.toString('latin1')
  const text = bytes.toString('utf8')
  const scalar = field?.shape.list ? field.shape.items : field?.shape.scalar
  return field && scalar ? typedValue({ ...field, shape: { ...field.shape, scalar } }, text) : text
}
