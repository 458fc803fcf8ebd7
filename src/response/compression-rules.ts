import { bytes } from '../units.ts'
import { CODINGS, type Coding, type Compression } from './compression-schema.ts'

/** Types that are worth compressing. Images, archives, audio and video are compressed already. */
const COMPRESSIBLE =
  /^(?:text\/.+|application\/(?:javascript|ecmascript|x-javascript|json|x-ndjson|jsonl|json-seq|xml|yaml|x-yaml|toml|sql|wasm|graphql|rtf|x-www-form-urlencoded|vnd\.ms-fontobject)|[^/]+\/.+\+(?:json|xml|yaml|json-seq)|image\/(?:bmp|x-icon|vnd\.microsoft\.icon)|font\/(?:ttf|otf|collection))$/

/** The `compress` of a route, compiled. */
export class CompressionRules {
  readonly encodings: readonly Coding[]
  /** Bytes. */
  readonly #minSize: number
  readonly #types: ReadonlySet<string> | null

  constructor(settings: Exclude<Compression, false>) {
    const { encodings = CODINGS, minSize = '1KiB', types } = settings === true ? {} : settings
    this.encodings = encodings
    this.#minSize = Math.max(1, bytes(minSize))
    this.#types = types === undefined ? null : new Set(types)
  }

  /**
   * Whether a body should be compressed.
   * @param type    `Content-Type`
   * @param length  bytes; undefined when unknown
   */
  covers(type: unknown, length: number | undefined): boolean {
    if (typeof type !== 'string' || (length !== undefined && !(length >= this.#minSize))) return false
    const media = type.split(';', 1)[0]!.trim().toLowerCase()
    // events must reach the browser at once, and not wait in the buffer of an encoder
    if (media === 'text/event-stream') return false
    return this.#types === null
      ? COMPRESSIBLE.test(media)
      : this.#types.has(media) || this.#types.has(`${media.split('/', 1)[0]}/*`)
  }
}
