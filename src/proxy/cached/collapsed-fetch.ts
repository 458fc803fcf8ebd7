import type { IncomingHttpHeaders } from 'node:http'
import type { CacheOutcome, ForwardReason } from '../../cache/cache-status.ts'
import { isReusable } from '../../cache/freshness.ts'
import type { StoredHead, StoredResponse } from '../../cache/stored-response.ts'
import type { UpstreamAnswer } from '../../cache/storing-rules.ts'
import type { SendController } from '../../upstream/outgoing-request.ts'
import type { Exchange } from '../exchange.ts'
import { sendInformational } from '../response-headers.ts'
import { variantName, type CachedRequest } from './cached-request.ts'
import type { SharedFetch } from './response-cache.ts'
import type { FetchController, Retry, WaitingClient } from './waiting-client.ts'

/** What a fetch is about. */
export interface FetchTask {
  /** The request that started it. */
  readonly cached: CachedRequest
  /** With the path and the headers for the upstream. */
  readonly exchange: Exchange
  /** The response to validate; null for none. */
  readonly stored: StoredResponse | null
  readonly reason: ForwardReason
  /** Name by which other requests find the fetch; null when it is not shared. */
  readonly name: string | null
  /** Whether it goes on though no client waits. */
  readonly isBackground: boolean
  /** `purgeCount` of the cache at the start: later purges concern the answer. */
  readonly since: number
}

/** The part of an answer that is being stored, which later requests get too. */
export interface SharedAnswer {
  readonly head: StoredHead
  readonly chunks: Buffer[]
}

/**
 * One request to the upstream for all clients that wait for the same response (collapsed forwarding). Passes the answer
 * on to each of them.
 */
export class CollapsedFetch implements FetchController, SharedFetch {
  readonly task: FetchTask
  readonly #clients = new Set<WaitingClient>()
  #name: string | null
  #controller: SendController | null = null
  #answer: UpstreamAnswer | null = null
  /** Null before the answer, and when it cannot be shared. */
  #shared: SharedAnswer | null = null

  constructor(task: FetchTask) {
    this.task = task
    this.#name = task.name
    if (task.name !== null) task.cached.cache.fetches.set(task.name, this)
  }

  get exchange(): Exchange {
    return this.task.exchange
  }

  /** Adds a client. @returns false when the answer cannot serve it */
  join(client: WaitingClient): boolean {
    const { cached, since } = this.task
    const { cache, keys } = cached
    const answer = this.#answer
    const shared = this.#shared
    // a request after a purge must not get an answer from before it
    if (cache.isPurgedSince(since, keys.shared, shared?.head.tags ?? [])) return false
    if (answer !== null) {
      if (shared === null) return false
      if (!this.#mayShare(client, shared.head)) {
        // an answer that became stale on its way makes room for a new fetch
        if (!isReusable(shared.head, cache.now())) this.#keepForValidations()
        return false
      }
    }
    client.attach(this)
    this.#clients.add(client)
    if (answer !== null) {
      this.#guard(client, () => {
        client.begin(answer, shared!.head, this.#outcome(true))
        for (const chunk of shared!.chunks) if (!client.isDone) client.write(chunk)
      })
    }
    return true
  }

  /** When the last client leaves, the request to the upstream ends. */
  leave(client: WaitingClient): void {
    this.#clients.delete(client)
    if (this.#clients.size === 0) this.#abandon()
    else this.resume()
  }

  resume(): void {
    for (const client of this.#clients) if (client.isFull) return
    this.#controller?.resume()
  }

  clearDeadline(): void {
    this.#controller?.clearDeadline()
  }

  start(controller: SendController): void {
    this.#controller = controller
  }

  inform(status: number, headers: IncomingHttpHeaders): void {
    for (const { exchange } of this.#clients) sendInformational(exchange.reply, status, headers, exchange.plan)
  }

  /**
   * The head of the answer has arrived. Clients that it cannot serve look for another answer.
   * @param shared  null when the answer is only for the client whose request this is
   */
  begin(answer: UpstreamAnswer, shared: SharedAnswer | null): void {
    this.#answer = answer
    this.#shared = shared
    if (shared === null) this.stopSharing(true)
    else {
      this.#renameByVary(shared.head)
      if (!isReusable(shared.head, answer.cameAt)) {
        if (this.#name !== null) this.task.cached.cache.markHitForMiss(this.#name)
        this.#keepForValidations()
      }
    }
    this.#each((client) => {
      if (client.exchange.request === this.exchange.request) client.begin(answer, null, this.#outcome(false))
      else if (shared !== null && this.#mayShare(client, shared.head)) {
        client.begin(answer, shared.head, this.#outcome(true))
      } else {
        this.#clients.delete(client)
        // another variant may serve several clients; an answer for one client alone must not make them queue
        client.retry(shared === null || client.selects(shared.head) ? 'alone' : 'look-up')
      }
    })
    if (this.#clients.size === 0) this.#abandon()
  }

  /** @returns whether all clients take more */
  write(chunk: Buffer): boolean {
    let isReady = true
    this.#each((client) => {
      client.write(chunk)
      if (client.isFull) isReady = false
    })
    return isReady
  }

  end(trailers: IncomingHttpHeaders): void {
    this.#close()
    this.#each((client) => client.end(trailers))
  }

  fail(error: Error): void {
    this.#close()
    this.#each((client) => {
      if (client.fail(error, this.#answer !== null)) this.exchange.fellBack = true
    })
  }

  fallBack(status: number): void {
    const { fallback } = this.exchange.plan
    this.#close()
    this.exchange.fellBack = true
    this.#each((client) => client.fallBack(fallback!, `status ${status}`))
  }

  /** Sends a stored response in place of the answer. @param toAll  false: only to the client that started the fetch */
  useStored(stored: StoredResponse, outcome: CacheOutcome, toAll = true): void {
    this.#close()
    this.#each((client) => {
      if (toAll || client.exchange.request === this.exchange.request) client.useStored(stored, outcome)
    })
  }

  /** The clients that still wait look for another answer. */
  retry(retry: Retry): void {
    this.#close()
    this.#each((client) => client.retry(retry))
  }

  /** The gateway itself has thrown. Never throws. */
  broken(error: unknown): void {
    this.#close()
    for (const client of [...this.#clients]) if (!client.isDone) client.broken(error)
  }

  /** The answer is not stored, so that no more clients can join. @param isPersonal  whether later requests do not wait */
  stopSharing(isPersonal: boolean): void {
    this.#shared = null
    if (isPersonal && this.#name !== null) this.task.cached.cache.markHitForMiss(this.#name)
    this.#close()
  }

  /** The answer is stored: later requests collapse again. */
  clearHitForMiss(): void {
    if (this.#name !== null) this.task.cached.cache.clearHitForMiss(this.#name)
  }

  /** No more clients can join. */
  #close(): void {
    const { fetches } = this.task.cached.cache
    if (this.#name !== null && fetches.get(this.#name) === this) fetches.delete(this.#name)
  }

  /** The replies of the clients that wait, or have got their answer. */
  *replies(): Generator<Exchange['reply']> {
    for (const { exchange } of this.#clients) yield exchange.reply
  }

  /** From now on only requests that select the answer by `Vary` find the fetch. */
  #renameByVary({ vary }: StoredHead): void {
    const { cache } = this.task.cached
    const name = this.#name
    if (name === null || vary.length === 0) return
    const fields = vary.map(([field]) => field)
    const values = vary.map(([, value]) => value)
    cache.noteVary(name, fields)
    this.#close()
    this.#name = variantName(name, values)
    if (!cache.fetches.has(this.#name)) cache.fetches.set(this.#name, this)
  }

  /** After an answer that each use must validate, only requests that wait for a validation may join this fetch. */
  #keepForValidations(): void {
    if (this.task.stored === null) this.#close()
  }

  #mayShare(client: WaitingClient, head: StoredHead): boolean {
    return client.mayShare(head, this.task.stored !== null)
  }

  #outcome(collapsed: boolean): CacheOutcome {
    const { status } = this.#answer!
    return { forwarded: this.task.reason, upstreamStatus: status, stored: this.#shared !== null, collapsed }
  }

  #abandon(): void {
    if (!this.task.isBackground) this.#controller?.abort()
  }

  #each(work: (client: WaitingClient) => void): void {
    for (const client of [...this.#clients]) if (!client.isDone) this.#guard(client, () => work(client))
  }

  /** An error in the answer to one client must not end those of the others. */
  #guard(client: WaitingClient, work: () => void): void {
    try {
      work()
    } catch (error) {
      client.broken(error)
    }
  }
}
