import { reasonOf } from '../errors.ts'
import type { CachedText, DocumentCache } from './document-cache.ts'
import { shownUrl, SourceRefused } from './document-sources.ts'

/** How long one text may take, redirects and body included, in milliseconds. */
const TIMEOUT = 10_000
/** How long all texts of a document may take together. */
const TOTAL_TIMEOUT = 30_000
const MAX_REDIRECTS = 5

export type Fetch = (
  url: URL,
  init: { headers: Record<string, string>; redirect: 'manual'; signal: AbortSignal },
) => Promise<Response>

export interface RemoteOptions {
  cache: DocumentCache
  fetch: Fetch
  /** Whether a URL from a `$ref` or a redirect may be fetched. */
  isAllowed: (url: URL) => boolean
  /** When the cached copy is used: never, while the service is away, or always (`only`, without a request). */
  fallback: 'never' | 'away' | 'only'
  onWarning: (message: string) => void
}

/** Fetches the texts of one document, each once. */
export class RemoteTexts {
  readonly #options: RemoteOptions
  readonly #fetched = new Map<string, Promise<CachedText>>()
  readonly #fresh: CachedText[] = []
  #deadline: AbortSignal | undefined

  constructor(options: RemoteOptions) {
    this.#options = options
  }

  /** Whether a text was fetched that differs from the cached one. */
  get isFresh(): boolean {
    return this.#fresh.length > 0
  }

  /**
   * The text at a URL.
   * @param isNamed  whether the operator named the URL; then it and its redirects may lead anywhere
   * @throws SourceRefused
   */
  async text(url: URL, maxBytes: number, isNamed: boolean): Promise<string> {
    const id = url.href.replace(/#.*$/, '')
    let fetched = this.#fetched.get(id)
    if (!fetched) this.#fetched.set(id, (fetched = this.#get(new URL(id), maxBytes, isNamed)))
    return (await fetched).text
  }

  async #get(url: URL, maxBytes: number, isNamed: boolean): Promise<CachedText> {
    const { cache, fallback, onWarning } = this.#options
    const cached = await cache.read(url.href)
    if (fallback === 'only') {
      if (!cached) throw new SourceRefused('is not in the cache')
      return cached
    }
    try {
      const fresh = await this.#ask(url, cached, maxBytes, isNamed)
      if (fresh !== cached && fresh.text !== cached?.text) this.#fresh.push(fresh)
      return fresh
    } catch (error) {
      const reason = error instanceof SourceRefused ? error.message : `cannot be fetched: ${failureOf(error)}`
      if (!cached || fallback === 'never') throw new SourceRefused(reason)
      onWarning(`${shownUrl(url)} ${reason}: the cached copy is used`)
      return cached
    }
  }

  async #ask(url: URL, cached: CachedText | undefined, maxBytes: number, isNamed: boolean): Promise<CachedText> {
    this.#deadline ??= AbortSignal.timeout(TOTAL_TIMEOUT)
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT), this.#deadline])
    const headers = {
      accept: 'application/vnd.oai.openapi+json, application/json, application/yaml, text/yaml, */*;q=0.5',
      ...(cached?.etag !== undefined && { 'if-none-match': cached.etag }),
      ...(cached?.lastModified !== undefined && { 'if-modified-since': cached.lastModified }),
    }
    let target = url
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const response = await this.#options.fetch(target, { headers, redirect: 'manual', signal })
      const location = response.headers.get('location')
      if (response.status === 304 && cached) return cached
      if (response.status === 200) {
        return { url: url.href, text: await readText(response, maxBytes), ...validatorsOf(response) }
      }
      await response.body?.cancel()
      if (location === null || ![301, 302, 303, 307, 308].includes(response.status)) {
        throw new SourceRefused(`cannot be fetched: the service answers ${response.status}`)
      }
      target = this.#redirected(location, target, isNamed)
    }
    throw new SourceRefused(`cannot be fetched: it is redirected more than ${MAX_REDIRECTS} times`)
  }

  #redirected(location: string, from: URL, isNamed: boolean): URL {
    const target = URL.parse(location, from)
    if (!target || !/^https?:$/.test(target.protocol) || target.username || target.password) {
      throw new SourceRefused('cannot be fetched: it is redirected to something other than a plain http or https URL')
    }
    if (from.protocol === 'https:' && target.protocol === 'http:') {
      throw new SourceRefused('cannot be fetched: it is redirected from https to http')
    }
    if (!isNamed && !this.#options.isAllowed(target)) {
      throw new SourceRefused(
        `cannot be fetched: it is redirected to ${shownUrl(target)}, which "openapi.remote" does not list`,
      )
    }
    return target
  }

  /** Saves the fetched texts in the cache; called once the document has proved valid. */
  async keep(): Promise<void> {
    for (const entry of this.#fresh) {
      await this.#options.cache.write(entry).catch((error: unknown) => {
        this.#options.onWarning(
          `${shownUrl(new URL(entry.url))} cannot be saved for the next start: ${reasonOf(error)}`,
        )
      })
    }
  }
}

function failureOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'it takes too long'
  return reasonOf((error as Error).cause ?? error)
}

function validatorsOf({ headers }: Response): Pick<CachedText, 'etag' | 'lastModified'> {
  const etag = headers.get('etag')
  const lastModified = headers.get('last-modified')
  return { ...(etag !== null && { etag }), ...(lastModified !== null && { lastModified }) }
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw new SourceRefused('cannot be fetched: it makes the document larger than allowed')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * Makes the check whether a URL is on the operator's list.
 * @param allow  hosts (https only), and URL prefixes, which match whole path segments
 */
export function allowedBy(allow: readonly string[]): (url: URL) => boolean {
  const rules = allow.map((rule) => {
    const start = /^https?:\/\//i.test(rule) ? URL.parse(rule) : URL.parse(`https://${rule}/`)
    return (
      start && {
        origin: start.origin,
        path: start.pathname.endsWith('/') ? start.pathname : `${start.pathname}/`,
        exact: start.pathname,
      }
    )
  })
  // the service may decode a slash or dot and so read another path
  return (url) =>
    !/%2f|%2e|%5c/i.test(url.pathname) &&
    rules.some(
      (rule) =>
        rule !== null &&
        url.origin === rule.origin &&
        (url.pathname === rule.exact || url.pathname.startsWith(rule.path)),
    )
}
