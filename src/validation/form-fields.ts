import { isUtf8 } from 'node:buffer'
import { Dicer } from '@fastify/busboy'
import { gatehouseError, type Violation, type GatehouseError } from '../errors.ts'
import { atPointer } from '../schema/json-pointer.ts'
import { isObject } from '../schema/json-schema.ts'
import type { ApiDocument, ApiMedia, ParameterStyle } from '../schema/types.ts'
import { violationAt } from '../schema/violations.ts'
import { isInRange, isJson, plainMediaType } from './media-type.ts'
import { expectedName, NameAliases, QueryReader, type Values } from './query-reader.ts'
import { jsonValue, MISWRITTEN, textParameter, typedValue, type TextParameter } from './text-parameter.ts'
import { textShape, type TextShape } from './text-shape.ts'

/** The fields of a form, and violations in how they are written. */
export interface ReadFields {
  values: Values
  violations: Violation[] | null
}

/** The fields of a form as schema and Encoding Objects (OpenAPI 3.1, section 4.8.15) describe them. */
export class FormFields {
  /** Whether values have the types of the schema after reading. */
  readonly typed: boolean
  readonly #fields = new Map<string, TextParameter>()
  /** Content types that are allowed for a part. */
  readonly #types = new Map<string, string[]>()
  readonly #line: QueryReader
  readonly #aliases: NameAliases

  constructor(document: ApiDocument, { schemaPointer, encoding }: ApiMedia) {
    const shape = textShape(document.root, schemaPointer)
    for (const [name, pointer] of shape.properties) {
      this.#fields.set(name, fieldOf(document, name, pointer, encoding[name]))
    }
    for (const [name, { contentType }] of Object.entries(encoding)) {
      if (typeof contentType === 'string') this.#types.set(name, contentType.split(',').map(plainMediaType))
    }
    this.typed = !shape.open && [...this.#fields.values()].every(({ typed }) => typed)
    this.#line = new QueryReader([...this.#fields.values()], 'body', true)
    this.#aliases = new NameAliases(this.#fields.keys())
  }

  /** Reads a URL-encoded form. */
  fromLine(text: string): ReadFields {
    const values: Values = Object.create(null)
    return { violations: this.#line.read(text, values), values }
  }

  fromParts(parts: readonly FormPart[]): ReadFields {
    const values: Values = Object.create(null)
    const violations: Violation[] = []
    for (const part of parts) {
      const { name, type } = part
      const types = this.#types.get(name)
      if (type !== undefined && types && !types.some((range) => isInRange(type, range))) {
        violations.push(violationAt('body', name, `the content type ${types.join(' or ')}`))
      }
      const field = this.#fields.get(name)
      const alias = field === undefined ? this.#aliases.of(name) : undefined
      const value = partValue(part, field)
      if (alias !== undefined) violations.push(violationAt('body', alias, expectedName(alias)))
      else if (value === MISWRITTEN) violations.push(violationAt('body', name, 'well-formed JSON, each name once'))
      else if (!field?.shape.list || Array.isArray(value)) append(values, name, value)
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
  // without a style, an object is sent as JSON (OpenAPI 3.1, section 4.8.15.1)
  const isJsonText =
    (contentType !== undefined && isJson(String(contentType))) || holdsObjects(document, shape, pointer)
  const mediaType = !stated && isJsonText ? 'application/json' : undefined
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
  // repeated parts form a list
  return mediaType === undefined ? field : { ...field, shape: { ...field.shape, list: shape.list } }
}

/** Whether the value, or each item of the list, is an object. */
function holdsObjects(document: ApiDocument, shape: TextShape, pointer: string): boolean {
  if (!shape.list) return shape.object
  const items = `${pointer}/items`
  return atPointer(document.root, items) !== undefined && textShape(document.root, items).object
}

function partValue({ type, isFile, bytes }: FormPart, field: TextParameter | undefined): unknown {
  if (!isFile && (field?.json || (type !== undefined && isJson(type)))) return jsonValue(bytes.toString('utf8'))
  // a schema sees bytes as text, one character each
  if (isFile || (type !== undefined && !type.startsWith('text/'))) return bytes.toString('latin1')
  const text = bytes.toString('utf8')
  const scalar = field?.shape.list ? field.shape.items : field?.shape.scalar
  return field && scalar ? typedValue({ ...field, shape: { ...field.shape, scalar } }, text) : text
}

/** One part of a form. */
interface FormPart {
  name: string
  /** In lower case and without parameters; undefined when the part states none. */
  type: string | undefined
  isFile: boolean
  bytes: Buffer
}

/** Most parts of a form, and most bytes of the headers of one. */
const MOST_PARTS = 1000
const MOST_HEADER_BYTES = 16 * 1024
/** RFC 2046, section 5.1.1 */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/
const PARAMETER = /;[ \t]*(name|filename\*?)=(?:"((?:[^"\\\r\n]|\\["\\])*)"|([!#$&+.^_`|~%'*0-9A-Za-z-]+))[ \t]*/giy
const TYPE = /^([!#$&^_.+0-9A-Za-z-]+\/[!#$&^_.+0-9A-Za-z-]+)[ \t]*(?:;|$)/

/**
 * Reads the parts of a body in `multipart/form-data` (RFC 7578). A body that two parsers could split or name
 * differently is refused.
 * @throws GW_MALFORMED_BODY
 */
export async function multipartParts(bytes: Buffer, boundaries: readonly string[]): Promise<FormPart[]> {
  const [boundary] = boundaries
  if (boundary === undefined || boundaries.length > 1 || !BOUNDARY.test(boundary)) {
    throw malformed('state one "boundary" of at most 70 characters in the Content-Type')
  }
  const count = checkDelimiters(bytes, boundary)
  return new Promise((resolve, reject) => {
    const parts: FormPart[] = []
    const dicer = new Dicer({ boundary, maxHeaderPairs: 100, maxHeaderSize: MOST_HEADER_BYTES } as Dicer.Config)
    dicer.on('part', (stream) => {
      const chunks: Buffer[] = []
      let head: Omit<FormPart, 'bytes'> | null = null
      stream.on('header', (header) => {
        try {
          head = partHead(header as Record<string, string[]>)
        } catch (error) {
          reject(error)
        }
      })
      stream.on('data', (chunk) => {
        chunks.push(chunk as Buffer)
      })
      stream.on('error', reject)
      stream.on('end', () => {
        if (head === null) reject(malformed('begin each part with its headers'))
        else parts.push({ ...head, bytes: Buffer.concat(chunks) })
      })
    })
    dicer.on('error', () => reject(malformed('end it with the closing delimiter')))
    // the parser does not report a part whose headers never end
    dicer.on('finish', () =>
      setImmediate(() =>
        parts.length === count ? resolve(parts) : reject(malformed('begin each part with its headers')),
      ),
    )
    dicer.end(bytes)
  })
}

/**
 * Checks that each delimiter is a line of its own (RFC 2046, section 5.1.1), with nothing before the first or after the
 * last.
 * @returns how many parts there are
 */
function checkDelimiters(bytes: Buffer, boundary: string): number {
  const delimiter = Buffer.from(`--${boundary}`, 'latin1')
  let parts = 0
  let at = bytes.indexOf(delimiter)
  if (at !== 0) throw malformed('begin it with the delimiter that the Content-Type names')
  for (;;) {
    const end = at + delimiter.length
    const following = bytes.toString('latin1', end, end + 4)
    if (following.startsWith('--')) {
      if (following === '--' || (following === '--\r\n' && end + 4 === bytes.length)) return parts
      throw malformed('let nothing follow the closing delimiter')
    }
    if (!following.startsWith('\r\n')) throw malformed('let the boundary occur in delimiters alone')
    if (++parts > MOST_PARTS) throw malformed(`send at most ${MOST_PARTS} parts`)
    at = bytes.indexOf(delimiter, end)
    if (at === -1) throw malformed('end it with the closing delimiter')
    if (bytes[at - 1] !== 0x0a || bytes[at - 2] !== 0x0d) throw malformed('let the boundary occur in delimiters alone')
  }
}

function partHead(header: Record<string, string[]>): Omit<FormPart, 'bytes'> {
  const { 'content-disposition': disposition, 'content-type': types, 'content-transfer-encoding': codings } = header
  if (disposition?.length !== 1 || (types?.length ?? 0) > 1 || (codings?.length ?? 0) > 1) {
    throw malformed('give each part one Content-Disposition and at most one Content-Type')
  }
  if (codings && !/^(?:7bit|8bit|binary)$/i.test(codings[0]!)) {
    throw malformed('send parts without Content-Transfer-Encoding (RFC 7578, section 4.7)')
  }
  const parameters = dispositionParameters(disposition[0]!)
  const name = parameters?.get('name')
  if (name === undefined) {
    throw malformed('give each part a Content-Disposition like: form-data; name="field"; filename="file.txt"')
  }
  const type = types === undefined ? undefined : TYPE.exec(types[0]!)?.[1]
  if (types !== undefined && type === undefined) throw malformed('give parts a valid Content-Type, or none')
  return { name, type: type?.toLowerCase(), isFile: parameters!.has('filename') || parameters!.has('filename*') }
}

/** Reads the parameters of a Content-Disposition; null when they are malformed or ambiguous. */
function dispositionParameters(value: string): Map<string, string> | null {
  const parameters = new Map<string, string>()
  const start = /^form-data[ \t]*/i.exec(value)?.[0].length
  if (start === undefined) return null
  let end = start
  PARAMETER.lastIndex = start
  for (let match = PARAMETER.exec(value); match !== null; match = PARAMETER.exec(value)) {
    const name = match[1]!.toLowerCase()
    if (parameters.has(name)) return null
    const bytes = Buffer.from(match[2]?.replace(/\\(.)/g, '$1') ?? match[3]!, 'latin1')
    if (!isUtf8(bytes)) return null
    parameters.set(name, bytes.toString('utf8'))
    end = PARAMETER.lastIndex
  }
  return end === value.length ? parameters : null
}

const malformed = (advice: string): GatehouseError =>
  gatehouseError('GW_MALFORMED_BODY', { detail: `The body is not valid multipart/form-data: ${advice}.` })
