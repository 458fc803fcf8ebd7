import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import type { StoredHeaders, StoredResponse } from './stored-response.ts'

const [compress, decompress] = [promisify(zstdCompress), promisify(zstdDecompress)]

/** Bodies below this length do not get smaller to speak of. Bytes. */
const COMPRESSED_FROM = 512
/** Largest body that is believed to be in a record, whatever it says. Bytes. */
const LARGEST = 64 * 1024 * 1024

/** A response without its body, as it is kept outside of the process. */
interface ResponseRecord extends Omit<StoredResponse, 'body'> {
  /** Length of the body. */
  length: number
  compressed: boolean
}

/** A response as text and bytes. */
export interface Packed {
  record: string
  body: Buffer
}

export async function pack ({ body, ...response }: StoredResponse): Promise<Packed> {
  const smaller = body.byteLength >= COMPRESSED_FROM && response.headers['content-encoding'] === undefined ? await compress(body) : body
  const compressed = smaller.byteLength < body.byteLength
  const record: ResponseRecord = { ...response, length: body.byteLength, compressed }
  return { record: JSON.stringify(record), body: compressed ? smaller : body }
}

/** What had been packed; null when it is anything else: whoever can write there is not trusted. */
export async function unpack (text: string, packed: Buffer): Promise<StoredResponse | null> {
  try {
    const { length, compressed, ...response } = JSON.parse(text) as ResponseRecord
    if (!isResponse(response) || !isWhole(length) || length > LARGEST) return null
    const body = compressed ? await decompress(packed, { maxOutputLength: Math.max(1, length) }) : packed
    return body.byteLength === length ? { ...response, body } : null
  } catch {
    return null
  }
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isTime = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value >= 0
const isText = (value: unknown): value is string => typeof value === 'string'

function isResponse (value: Omit<StoredResponse, 'body'>): boolean {
  const { status, headers, vary, storedAt, initialAge, lifetime, mustValidate, neverStale, staleWhileRevalidate, staleIfError, isPublic, askedWith, part, tags } = value
  return isWhole(status) && status >= 200 && status <= 599 && isHeaders(headers) &&
    Array.isArray(vary) && vary.every((pair) => Array.isArray(pair) && isText(pair[0]) && (pair[1] === null || isText(pair[1]))) &&
    [storedAt, initialAge, lifetime, staleWhileRevalidate, staleIfError].every(isTime) &&
    [mustValidate, neverStale, isPublic, askedWith?.credentials, askedWith?.cookies].every((flag) => typeof flag === 'boolean') &&
    (part === null || (isWhole(part?.first) && isWhole(part.total))) && Array.isArray(tags) && tags.every(isText)
}

/** A name and a value that may stand in a message (RFC 9110, section 5.5). */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

const isHeaders = (headers: StoredHeaders): boolean =>
  typeof headers === 'object' && headers !== null && Object.entries(headers).every(([name, value]) => NAME.test(name) && [value].flat().every((text) => isText(text) && VALUE.test(text)))
