import type { SchemaObject } from './json-schema.ts'

/**
 * An API document in the form that the gateway works with: OpenAPI 3.1, one JSON value, every `$ref` a JSON pointer
 * (`#/...`) into it. Swagger 2.0, OpenAPI 3.0 and documents of several files are converted to this.
 */
export interface ApiDocument {
  /** Name for messages: `openapi/orders.yaml`, or its URL. */
  readonly name: string
  /** Version of the specification that it was written in: `2.0`, `3.0.3`, `3.1.0`. */
  readonly version: string
  /** The document itself. It is shared and must not be changed. */
  readonly root: SchemaObject
  /** In the order of the document. */
  readonly operations: readonly ApiOperation[]
  /** Notes about what the gateway reads and does not enforce, each kind once; for the log and `gatehouse check`. */
  readonly notes: readonly string[]
  /** Operations that were left out for a fault; only when the upstream file allows that. */
  readonly omitted?: readonly OmittedOperation[]
  /** A line for each part that was left out or loosened for a fault, with file and line. */
  readonly mended?: readonly string[]
}

/**
 * What happens to a document with a fault: it is refused, the faulty operations are omitted, or faulty schemas are
 * loosened to allow everything.
 */
export type FaultMode = 'refuse' | 'omit' | 'loosen'

/** An operation that a document has and the gateway does not serve. */
export interface OmittedOperation {
  /** In capitals. */
  readonly method: string
  /** As the document has it. */
  readonly path: string
  /** File and line. */
  readonly where: string
}

/** One operation, with everything that it inherits from its path item and document. */
export interface ApiOperation {
  /** In capitals. */
  readonly method: string
  /** As the document has it: `/pets/{petId}`. */
  readonly path: string
  readonly operationId?: string
  /** JSON pointer of the Operation Object in the document. */
  readonly pointer: string
  /** File and line, for messages: `openapi/orders.yaml:12`. */
  readonly where: string
  /** The Operation Object as the document has it, references included. */
  readonly object: SchemaObject
  /** Parameters of the path item and of the operation, which override the former. */
  readonly parameters: readonly ApiParameter[]
  /** Null without a request body. */
  readonly body: ApiBody | null
  readonly responses: readonly ApiResponse[]
  /** Security Requirement Objects of the operation, else of the document; null when neither states any. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[] | null
  /** Extensions (`x-...`) of the path item and of the operation, which override the former. */
  readonly extensions: Readonly<Record<string, unknown>>
}

/**
 * Header parameters that OpenAPI says to ignore (3.1, section 4.8.12.2.1): media types and `security` describe them.
 * In lower case.
 */
export const IGNORED_HEADERS: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization'])

export type ParameterStyle = 'matrix' | 'label' | 'simple' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject'

export interface ApiParameter {
  readonly in: 'path' | 'query' | 'header' | 'cookie'
  readonly name: string
  readonly required: boolean
  /** Stated, or the default of its place. */
  readonly style: ParameterStyle
  readonly explode: boolean
  /** Whether a query parameter may come without a value. Default: false. */
  readonly allowEmptyValue?: boolean
  /** JSON pointer of its schema in the document; null when it has none. */
  readonly schemaPointer: string | null
  /** Media type, when it has `content` instead of `schema`. */
  readonly mediaType?: string
}

export interface ApiBody {
  readonly required: boolean
  readonly content: readonly ApiMedia[]
}

/** One media type of a body or response. */
export interface ApiMedia {
  /** In lower case and without parameters: `application/json`, `text/*`. */
  readonly type: string
  /** JSON pointer of its schema in the document; null when it has none. */
  readonly schemaPointer: string | null
  /** Encoding Objects by property, for forms; references resolved. */
  readonly encoding: Readonly<Record<string, SchemaObject>>
}

export interface ApiResponse {
  /** `200`, `2XX` or `default`. */
  readonly status: string
  readonly content: readonly ApiMedia[]
  readonly headers: readonly ApiHeader[]
}

export interface ApiHeader {
  readonly name: string
  readonly required: boolean
  readonly explode: boolean
  /** JSON pointer of its schema in the document; null when it has none. */
  readonly schemaPointer: string | null
  /** Media type, when it has `content` instead of `schema`. */
  readonly mediaType?: string
}

/** An operation of an imported document, with that document. */
export interface ApiRoute {
  readonly document: ApiDocument
  readonly operation: ApiOperation
}
