import type { ApiDocument, ApiOperation } from '../../schema/types.ts'
import { responseFor } from '../operation-reader.ts'
import { FieldSearch, redacted } from './undeclared-fields.ts'

/** Most different names remembered of each kind, since clients choose them. */
const MOST = 200
/** Longer names are cut. */
const LONGEST = 300
/** The content of the first 100 calls of an operation is compared, then that of one in 50. */
const FIRST_LOOKS = 100
const ONE_IN = 50

/** How often something was seen, with an example. */
export interface Seen {
  count: number
  /** Its type and size, without its value. */
  example?: string
}

/** What an operation's traffic has and the document lacks. */
export interface OperationDrift {
  method: string
  path: string
  calls: number
  /** Undeclared statuses, query parameters and fields by their names or paths; empty ones are left out. */
  statuses: Record<string, Seen>
  query: Record<string, Seen>
  requestFields: Record<string, Seen>
  responseFields: Record<string, Seen>
}

/** The differences between the traffic of an upstream and its document, since the start of the gateway. */
export interface Drift {
  upstream: string
  document: string
  since: string
  neverCalled: string[]
  /** Calls that no operation describes, such as `GET /pets/{}/toys`. */
  undescribed: Record<string, Seen>
  operations: OperationDrift[]
}

function note(map: Map<string, Seen>, name: string, example?: unknown): void {
  const key = name.slice(0, LONGEST)
  const seen = map.get(key)
  if (seen !== undefined) seen.count++
  else if (map.size < MOST) {
    map.set(key, example === undefined ? { count: 1 } : { count: 1, example: redacted(example) })
  }
}
const listed = (map: ReadonlyMap<string, Seen>): Record<string, Seen> =>
  Object.fromEntries([...map].sort(([, a], [, b]) => b.count - a.count))

/** Counts the differences of one operation. */
export class OperationRecord {
  readonly operation: ApiOperation
  calls = 0
  readonly #search: FieldSearch
  readonly #statuses = new Map<string, Seen>()
  readonly #query = new Map<string, Seen>()
  readonly #request = new Map<string, Seen>()
  readonly #response = new Map<string, Seen>()
  /** Null when the document allows any name in the query. */
  readonly #declaredQuery: ReadonlySet<string> | null

  constructor(operation: ApiOperation, search: FieldSearch) {
    this.operation = operation
    this.#search = search
    const query = operation.parameters.filter((parameter) => parameter.in === 'query')
    // the properties of an object in the query have names that are not declared
    this.#declaredQuery = query.some(
      ({ style, explode, schemaPointer }) =>
        schemaPointer === null ||
        style === 'deepObject' ||
        (style === 'form' && explode && search.isObjectAt(schemaPointer)),
    )
      ? null
      : new Set(query.map(({ name }) => name))
  }

  /** Whether the content of the next call is compared. */
  get looks(): boolean {
    return this.calls < FIRST_LOOKS || this.calls % ONE_IN === 0
  }

  /** Counts a call that was answered, by the upstream or from the cache. */
  called(): void {
    this.calls++
  }

  /** Notes the status of an answer of the upstream. */
  answered(status: number): void {
    if (!responseFor(this.operation.responses, String(status))) note(this.#statuses, String(status))
  }

  query(query: Readonly<Record<string, unknown>>): void {
    if (this.#declaredQuery === null) return
    for (const name in query) if (!this.#declaredQuery.has(name)) note(this.#query, name, query[name])
  }

  /** @param body  JSON of a request */
  request(body: unknown): void {
    this.#fields(this.#request, this.operation.body?.content ?? [], body)
  }

  /** @param body  JSON of an answer */
  response(status: number, body: unknown): void {
    const response = responseFor(this.operation.responses, String(status))
    if (response !== undefined) this.#fields(this.#response, response.content, body)
  }

  #fields(into: Map<string, Seen>, content: ApiOperation['responses'][number]['content'], body: unknown): void {
    const media = content.find(({ type, schemaPointer }) => schemaPointer !== null && /json/.test(type))
    if (media === undefined) return
    for (const [path, value] of this.#search.in(media.schemaPointer!, body)) note(into, path, value)
  }

  /** Null when there is no difference. */
  describe(): OperationDrift | null {
    if (this.#statuses.size + this.#query.size + this.#request.size + this.#response.size === 0) return null
    const { method, path } = this.operation
    return {
      method,
      path,
      calls: this.calls,
      statuses: listed(this.#statuses),
      query: listed(this.#query),
      requestFields: listed(this.#request),
      responseFields: listed(this.#response),
    }
  }
}

/** Compares the traffic of one upstream with its document. */
export class DriftRecord {
  readonly upstream: string
  readonly document: ApiDocument
  /** Public prefix without a trailing slash. */
  readonly prefix: string
  readonly #hosts: readonly string[] | undefined
  readonly #since: number
  readonly #operations = new Map<ApiOperation, OperationRecord>()
  readonly #undescribed = new Map<string, Seen>()
  readonly #search: FieldSearch

  /** @param hosts  host names of the upstream; undefined for all */
  constructor(upstream: string, document: ApiDocument, prefix: string, hosts: readonly string[] | undefined) {
    this.upstream = upstream
    this.document = document
    this.prefix = prefix
    this.#hosts = hosts
    this.#since = Date.now()
    this.#search = new FieldSearch(document.root)
  }

  operation(operation: ApiOperation): OperationRecord {
    let record = this.#operations.get(operation)
    if (record === undefined) this.#operations.set(operation, (record = new OperationRecord(operation, this.#search)))
    return record
  }

  /** Whether a path is below the prefix, on a host of the upstream. */
  covers(host: string, path: string): boolean {
    const { prefix } = this
    return (
      (path === prefix || path.startsWith(`${prefix}/`)) &&
      (this.#hosts === undefined || this.#hosts.some((name) => isHost(name, host)))
    )
  }

  /** Notes a call that no operation describes. @param path  public path without its query */
  undescribed(method: string, path: string): void {
    note(this.#undescribed, `${method} ${templated(path.slice(this.prefix.length))}`)
  }

  describe(): Drift {
    const records = this.document.operations.map((operation) => this.#operations.get(operation) ?? null)
    return {
      upstream: this.upstream,
      document: this.document.name,
      since: new Date(this.#since).toISOString(),
      neverCalled: this.document.operations
        .filter((_, i) => (records[i]?.calls ?? 0) === 0)
        .map(({ method, path }) => `${method} ${path}`),
      undescribed: listed(this.#undescribed),
      operations: records.flatMap((record) => record?.describe() ?? []),
    }
  }
}

/**
 * Path segments that look like an id or may name a person: numbers, UUIDs, hashes, e-mail addresses, and long or
 * encoded ones.
 */
const ID = /^(?:\d+|[0-9a-f]{16,}|.{33,}|.*[@%].*|(?=.*\d)[A-Za-z0-9_-]{12,})$/i
const SEGMENTS = 12

/** Replaces ids in a path by `{}`, so that similar calls are counted together and no value is shown. */
function templated(path: string): string {
  const segments = path.split('/').slice(1, SEGMENTS + 1)
  return `/${segments.map((segment) => (ID.test(segment) ? '{}' : segment)).join('/')}`
}

/** Whether a Host header matches a host name or a wildcard such as `*.example.com`, which stands for one label. */
function isHost(name: string, header: string): boolean {
  const host = header.replace(/:\d+$/, '').toLowerCase()
  return name.startsWith('*.')
    ? host.endsWith(name.slice(1)) && !host.slice(0, 1 - name.length).includes('.')
    : host === name
}

/** The records of all upstreams that have a document. */
export class DriftRegistry implements Iterable<DriftRecord> {
  readonly #records = new Map<string, DriftRecord>()

  /** Compares the traffic of an upstream with its document from now on. */
  watch(upstream: string, document: ApiDocument, prefix: string, hosts: readonly string[] | undefined): void {
    this.add(new DriftRecord(upstream, document, prefix, hosts))
  }

  add(record: DriftRecord): void {
    this.#records.set(record.upstream, record)
  }

  get(upstream: string | undefined): DriftRecord | undefined {
    return upstream === undefined ? undefined : this.#records.get(upstream)
  }

  [Symbol.iterator](): Iterator<DriftRecord> {
    return this.#records.values()
  }

  /**
   * Notes a call that no route answers, at the upstream with the longest prefix that covers it.
   * @param host  the Host header, with or without a port
   * @param path  public path without its query
   */
  unanswered(method: string, host: string, path: string): void {
    let nearest: DriftRecord | undefined
    for (const record of this.#records.values()) {
      if (record.covers(host, path) && !(nearest !== undefined && nearest.prefix.length >= record.prefix.length)) {
        nearest = record
      }
    }
    nearest?.undescribed(method, path)
  }
}
