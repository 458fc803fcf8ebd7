import type { FastifyBaseLogger } from 'fastify'
import type { DocumentRefresh } from '../openapi/document-refresh.ts'
import type { LoadOptions } from '../openapi/load-document.ts'
import type { ApiDocument } from '../schema/types.ts'

/** An imported API document, and what is needed to fetch it again. */
export interface LoadedApi {
  upstream: string
  document: ApiDocument
  /** File or URL, as the upstream file names it. */
  reference: string
  load: LoadOptions
  /** Milliseconds between two checks for a new version; 0 for none. */
  interval: number
  /** Notes from reading it, such as that a stored copy was used. */
  warnings: readonly string[]
}

/** The imported documents of all upstreams. */
export class ApiRegistry implements Iterable<LoadedApi> {
  readonly #apis: LoadedApi[] = []
  readonly #refreshes = new Map<LoadedApi, DocumentRefresh>()
  #closed = false
  /** Called when a document has changed. Its routes do not change until the gateway is rebuilt. */
  onChange: ((api: LoadedApi) => void) | null = null

  add(api: LoadedApi): void {
    this.#apis.push(api)
  }
  [Symbol.iterator](): Iterator<LoadedApi> {
    return this.#apis[Symbol.iterator]()
  }

  /** Logs the notes on the documents, and starts checking fetched ones for changes where an interval is set. */
  async start(log: FastifyBaseLogger): Promise<void> {
    for (const api of this.#apis) {
      const { upstream, document, reference, load, interval, warnings } = api
      for (const warning of warnings) log.warn({ upstream, document: document.name }, warning)
      for (const line of document.mended ?? []) {
        log.warn({ upstream, document: document.name }, `a fault of the API document: ${line}`)
      }
      if (document.notes.length > 0) {
        log.info(
          {
            upstream,
            document: document.name,
            notes: document.notes.slice(0, MOST_NOTES),
            more: Math.max(0, document.notes.length - MOST_NOTES) || undefined,
          },
          'the gateway does not enforce all that the API document says',
        )
      }
      if (!/^https?:/i.test(reference)) continue
      const { DocumentRefresh } = await import('../openapi/document-refresh.ts')
      if (this.#closed) return
      const refresh = new DocumentRefresh({
        reference,
        load,
        document,
        interval,
        onChange: () => {
          log.warn(
            { upstream, document: document.name },
            `the API document has changed${this.onChange === null ? ': the gateway takes it over at its next start' : ''}`,
          )
          this.onChange?.(api)
        },
        onFailure: (problems) =>
          log.warn(
            {
              upstream,
              document: document.name,
              problems: problems.slice(0, MOST_NOTES).map(({ file, message }) => `${file}: ${message}`),
            },
            'the API document cannot be read again, and stays as it is',
          ),
      })
      this.#refreshes.set(api, refresh)
      if (interval > 0) refresh.start()
    }
  }

  /** Checks fetched documents for changes now. @returns each document, with whether it has changed */
  refresh(): Promise<{ upstream: string; document: string; changed: boolean }[]> {
    return Promise.all(
      [...this.#refreshes].map(async ([{ upstream, document }, refresh]) => ({
        upstream,
        document: document.name,
        changed: await refresh.refresh(),
      })),
    )
  }

  close(): void {
    this.#closed = true
    for (const refresh of this.#refreshes.values()) refresh.close()
  }
}

/** Most notes and problems in one log line; `gatehouse check` prints all of them. */
const MOST_NOTES = 10
