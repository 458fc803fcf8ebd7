import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { MOST_VARIANTS } from './cache-store.ts'
import { canBeValidated } from './conditional-request.ts'
import { freshFor } from './freshness.ts'
import type { StoredResponse } from './stored-response.ts'
import { isStorableField } from './storing-rules.ts'

/** Bytes of one chunk, and most bytes of all bodies that stand beside their heads. */
export const CHUNK = 64 * 1024
/** Most bytes of all bodies of a key, as they are stored. */
const MOST_BYTES = 16 * 1024 * 1024
/** Longest body, uncompressed. */
const MOST_LENGTH = 64 * 1024 * 1024
const MOST_HEADS = 2 * 1024 * 1024
/** Smaller bodies are not compressed. */
const COMPRESSIBLE = 512
/** Seconds for which a stale response is kept for its validator, and longest time in Redis. */
const VALIDATABLE = 4 * 3600
const LONGEST = 30 * 24 * 3600
/** How far the clock of another process may be ahead, in milliseconds. */
const CLOCK_SKEW = 10 * 60_000

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

const closed = { additionalProperties: false }
const Seconds = Type.Number({ minimum: 0, maximum: 2 ** 53 })
const Name = Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9a-z-]{1,200}$" })
const Text = Type.String({ pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$' })
const Bytes = Type.Integer({ minimum: 0, maximum: MOST_LENGTH })

/** A stored head, and how its body is stored. */
const Head = Type.Object(
  {
    status: Type.Integer({ minimum: 200, maximum: 599 }),
    headers: Type.Record(Type.String(), Type.Union([Text, Type.Array(Text, { maxItems: 1000 })])),
    vary: Type.Array(Type.Tuple([Name, Type.Union([Type.String(), Type.Null()])]), { maxItems: 1000 }),
    storedAt: Seconds,
    initialAge: Seconds,
    lifetime: Seconds,
    mustValidate: Type.Boolean(),
    neverStale: Type.Boolean(),
    staleWhileRevalidate: Seconds,
    staleIfError: Seconds,
    isPublic: Type.Boolean(),
    askedWith: Type.Object({ credentials: Type.Boolean(), cookies: Type.Boolean() }, closed),
    part: Type.Union([Type.Null(), Type.Object({ first: Bytes, total: Type.Integer({ minimum: 1 }) }, closed)]),
    tags: Type.Array(Type.String({ maxLength: 1000 }), { maxItems: 1000 }),
    body: Type.Object(
      {
        length: Bytes,
        /** Bytes as stored. */
        size: Type.Integer({ minimum: 0, maximum: MOST_BYTES }),
        zstd: Type.Boolean(),
        /** Name of its chunks; null when the body stands beside the heads. */
        chunks: Type.Union([Type.Null(), Type.String({ pattern: '^[A-Za-z0-9_-]{16}$' })]),
      },
      closed,
    ),
  },
  closed,
)
export type StoredForm = Static<typeof Head>

const heads = Compile(Type.Array(Head, { minItems: 1, maxItems: MOST_VARIANTS }))
const names = Compile(Name)

/** The responses of a key in their stored form. */
export interface Packed {
  /** JSON. */
  heads: string
  /** Small bodies, one after the other. */
  bodies: Buffer
  /** Large bodies. */
  chunked: { id: string; body: Buffer }[]
  /** For how long they are of use. */
  seconds: number
}

/** For how many seconds a response can still be of use. */
export function secondsOfUse(stored: StoredResponse, now: number): number {
  const fresh = freshFor(stored, now)
  const stale = stored.neverStale ? 0 : Math.max(stored.staleWhileRevalidate, stored.staleIfError)
  return Math.min(
    Math.max(0, fresh + stale, canBeValidated(stored.headers) ? Math.max(0, fresh) + VALIDATABLE : 0),
    LONGEST,
  )
}

/** @returns null when no response is both of use and small enough */
export async function pack(responses: readonly StoredResponse[], now: number): Promise<Packed | null> {
  const packed: { form: StoredForm; body: Buffer }[] = []
  let room = MOST_BYTES
  let beside = CHUNK
  let seconds = 0
  // the latest first, in case not all fit
  for (const response of responses.slice(-MOST_VARIANTS).reverse()) {
    const use = secondsOfUse(response, now)
    if (use === 0 || response.body.byteLength > MOST_LENGTH) continue
    const { body: plain, ...head } = response
    const body = await compressed(response)
    if (body.byteLength > room) continue
    room -= body.byteLength
    const isBeside = body.byteLength <= beside
    if (isBeside) beside -= body.byteLength
    const form = {
      ...head,
      body: {
        length: plain.byteLength,
        size: body.byteLength,
        zstd: body !== plain,
        chunks: isBeside ? null : randomBytes(12).toString('base64url'),
      },
    } as unknown as StoredForm
    packed.unshift({ form, body })
    seconds = Math.max(seconds, use)
  }
  const text = JSON.stringify(packed.map(({ form }) => form))
  if (packed.length === 0 || text.length > MOST_HEADS) return null
  return {
    heads: text,
    bodies: Buffer.concat(packed.filter(({ form }) => form.body.chunks === null).map(({ body }) => body)),
    chunked: packed.flatMap(({ form, body }) => (form.body.chunks === null ? [] : [{ id: form.body.chunks, body }])),
    seconds,
  }
}

async function compressed({ body, headers }: StoredResponse): Promise<Buffer> {
  if (body.byteLength < COMPRESSIBLE || headers['content-encoding'] !== undefined) return body
  const smaller = await compress(body)
  return smaller.byteLength < body.byteLength ? smaller : body
}

/** @returns null for anything that `pack` would not write: others may be able to write to this Redis */
export function parseHeads(text: Buffer, now: number): StoredForm[] | null {
  if (text.byteLength > MOST_HEADS) return null
  let value: unknown
  try {
    value = JSON.parse(text.toString())
  } catch {
    return null
  }
  return heads.Check(value) && value.every((form) => isValid(form, now)) ? value : null
}

/** Checks what the schema cannot express: whether the parts make a valid response. */
function isValid({ status, headers, storedAt, part, body }: StoredForm, now: number): boolean {
  for (const name in headers) if (!names.Check(name) || !isStorableField(name)) return false
  const { 'content-length': length } = headers
  if (length !== undefined && length !== String(body.length)) return false
  if (body.zstd ? body.size >= body.length : body.size !== body.length) return false
  if ((status === 206) !== (part !== null) || (part !== null && part.first + body.length > part.total)) return false
  if (status === 304 || ((status === 204 || status === 205) && body.length > 0)) return false
  return storedAt <= now + CLOCK_SKEW
}

/** @returns null when the body does not match its head */
export async function unpack(form: StoredForm, stored: Buffer): Promise<StoredResponse | null> {
  const {
    body: { length, size, zstd },
    ...head
  } = form
  if (stored.byteLength !== size) return null
  // a copy, since the bytes received are a view that would keep a larger buffer alive
  const body = zstd ? await decompress(stored, { maxOutputLength: length }).catch(() => null) : Buffer.from(stored)
  return body === null || body.byteLength !== length ? null : { ...head, body }
}
