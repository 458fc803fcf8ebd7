import type { IncomingHttpHeaders } from 'node:http'
import { wholeLength } from '../../cache/byte-range.ts'
import type { CacheKey } from '../../cache/cache-key.ts'
import type { CacheOutcome } from '../../cache/cache-status.ts'
import { confirms } from '../../cache/conditional-request.ts'
import { freshFor, isReusable, isUpstreamError, isUsableOnError } from '../../cache/freshness.ts'
import type { StoredHead, StoredResponse } from '../../cache/stored-response.ts'
import { freshened, isWorthStoring, storedHead, type UpstreamAnswer, withBody } from '../../cache/storing-rules.ts'
import { gatehouseError } from '../../errors.ts'
import type { AnswerHandler, SendController } from '../../upstream/outgoing-request.ts'
import type { Target } from '../../upstream/target.ts'
import type { CacheReader } from './cache-reader.ts'
import type { Exchange } from '../exchange.ts'
import { FillRegistration } from './fill-registration.ts'
import { audienceOfAnswer, audienceOfFreshened, type FillTask, replaceStored } from './fill-task.ts'
import { FillHold } from '../fill-memory.ts'
import { sendInformational } from '../informational.ts'
import type { SharedFill } from './response-cache.ts'
import { publicHeaders } from '../response-headers.ts'

/**
 * A request to the upstream whose answer is for the store and for everybody who waits for it.
 *
 * As an answer handler it depends on the engine by little: `start` gives its exchange to the upstream, whose calls are
 * those of any handler (see `AnswerHandler`), and the controller aborts, resumes or dismisses the answer.
 */
export class CacheFill implements AnswerHandler, SharedFill {
  readonly task: FillTask
  readonly exchange: Exchange
  readonly #readers = new Set<CacheReader>()
  /** Goes on though nobody waits. */
  readonly #isBehind: boolean
  readonly #registration: FillRegistration
  readonly #sentAt: number
  /** Purges before it, which do not concern its response. */
  readonly #since: number
  readonly #hold: FillHold
  #controller: SendController | null = null
  #isAbandoned = false
  #answer: UpstreamAnswer | null = null
  /** What will be stored; null when nothing will be. */
  #head: StoredHead | null = null
  #key: CacheKey
  #chunks: Buffer[] = []
  #length = 0

  /**
   * @param exchange  with the path and the headers for the upstream
   * @param isBehind  whether the client has its answer already
   */
  constructor(exchange: Exchange, task: FillTask, isBehind: boolean) {
    this.exchange = exchange
    this.task = task
    this.#isBehind = isBehind
    this.#sentAt = task.cache.now()
    this.#since = task.cache.purgeCount
    this.#key = task.sharedKey
    this.#hold = new FillHold(task.cache.fillMemory)
    this.#registration = new FillRegistration(task.cache, this, task.name)
  }

  /** Asks the upstream. */
  start(): void {
    this.exchange.plan.upstream.dispatch(this.exchange, this)
  }

  get target(): Target | null {
    return this.exchange.target
  }

  broken(error: unknown): void {
    const { request } = this.exchange
    request.log.error(
      { reqId: request.id, code: 'GW_INTERNAL', err: error },
      'the gateway failed in an exchange with an upstream',
    )
    try {
      this.#fail(gatehouseError('GW_INTERNAL', { cause: error }))
    } catch {
      // each reader is told below
    }
    // nobody may be left waiting when the failure could not be told to all
    for (const reader of [...this.#readers]) if (!reader.isDone) reader.broken(error)
  }

  /** @returns whether the reader can have the response of this request */
  join(reader: CacheReader): boolean {
    // who asks after a change must not get what was there before it
    if (this.task.cache.isPurgedSince(this.#since, this.#key, this.#head?.tags ?? [])) return false
    if (this.#answer !== null) {
      if (this.#head === null) return false
      if (!this.#isFor(reader, this.#head)) {
        // what has become stale on its way makes room for the next
        if (!isReusable(this.#head, this.now())) this.#keepForValidations()
        return false
      }
      reader.begin(this.#answer, this.#head, this.#outcome(true))
      for (const chunk of this.#chunks) reader.write(chunk)
    }
    this.#readers.add(reader)
    reader.request.exchange = this.exchange
    return true
  }

  /** The client is gone; with the last of them the request to the upstream ends. */
  leave(reader: CacheReader): void {
    this.#readers.delete(reader)
    if (this.#readers.size === 0 && !this.#isBehind) this.#abandon()
    else this.readerReady()
  }

  /** A reader takes more again. */
  readerReady(): void {
    for (const reader of this.#readers) if (reader.isFull) return
    this.#controller?.resume()
  }

  onRequestStart(controller: SendController): void {
    this.#controller = controller
    if (this.#isAbandoned) controller.abort()
  }

  onResponseStart(_controller: SendController, status: number, headers: IncomingHttpHeaders): void {
    const { task } = this
    const { plan, request } = this.exchange
    if (status < 200) {
      for (const reader of this.#readers) sendInformational(reader.reply, status, headers, plan)
      return
    }
    const { cache, policy, stored } = task
    const cameAt = cache.now()
    const answer: UpstreamAnswer = {
      status,
      headers,
      publicHeaders: publicHeaders(headers, plan, request, cameAt),
      control: policy.controlOf(status, headers),
      sentAt: this.#sentAt,
      cameAt,
    }
    this.#answer = answer
    if (stored !== null && (status === 304 || isUpstreamError(status))) {
      if (status === 304) {
        if (confirms(headers, stored)) this.#later(this.#useFreshened(freshened(stored, answer, policy), headers))
        else this.#later(this.#startAnew(headers))
        return
      }
      if (isUsableOnError(stored, task.storing.directives, cameAt)) return this.#standIn(stored, headers)
    }
    if (plan.fallback !== null && plan.fallback.on.has(status)) {
      this.#dismiss(headers)
      this.exchange.fellBack = true
      for (const reader of this.#readers) reader.fallBack(plan.fallback, `status ${status}`)
      return
    }
    if (request.method === 'HEAD') this.#learnFromHead(answer)
    const audience = audienceOfAnswer(task, plan, request, answer)
    const head =
      audience === 'none' || wholeLength(headers) > policy.maxObjectSize
        ? null
        : storedHead(answer, policy, request.raw.headers, task.storing)
    if (head !== null && isWorthStoring(head)) {
      this.#head = head
      this.#key = audience === 'all' ? task.sharedKey : task.ownKey
      this.#registration.renameByVary(head)
      if (!isReusable(head, cameAt)) {
        this.#registration.pass()
        this.#keepForValidations()
      }
    } else this.#giveUpStoring()
    for (const reader of this.#readers) {
      // the one whose request it is gets just this
      if (reader.request === request) reader.begin(answer, null, this.#outcome(false))
      else if (this.#head !== null && this.#isFor(reader, this.#head)) {
        reader.begin(answer, this.#head, this.#outcome(true))
      } else {
        // another variant may still be one for several; what is for nobody else would make them wait one after the
        // other
        reader.askAgain(this.#head === null || reader.fits(this.#head) ? 'alone' : 'anew')
        this.#readers.delete(reader)
      }
    }
    if (this.#readers.size === 0 && !this.#isBehind) this.#abandon()
  }

  onResponseData(controller: SendController, chunk: Buffer): void {
    let wait = false
    for (const reader of this.#readers) if (!reader.write(chunk)) wait = true
    if (this.#head === null) {
      if (wait) controller.pause()
      return
    }
    this.#length += chunk.length
    if (this.#length > this.task.policy.maxObjectSize) this.#giveUpStoring()
    else if (this.#hold.take(chunk.length)) {
      this.#chunks.push(chunk)
      return
    } else this.#giveUpStoring(false)
    if (wait) controller.pause()
  }

  onResponseEnd(_controller: SendController, trailers: IncomingHttpHeaders): void {
    this.#registration.close()
    this.#hold.end(
      this.#readers,
      this.#head === null ? undefined : this.#store(this.#head, inOwnMemory(this.#chunks, this.#length)),
    )
    for (const reader of this.#readers) reader.end(trailers)
  }

  onResponseError(_controller: SendController, error: Error): void {
    this.#fail(error)
  }

  #fail(error: Error): void {
    const started = this.#answer !== null
    this.#registration.close()
    this.#hold.end(this.#readers, undefined)
    const { stored, cache, storing } = this.task
    if (!started && stored !== null && !this.#isAbandoned && isUsableOnError(stored, storing.directives, cache.now())) {
      for (const reader of this.#readers) {
        reader.useStored(stored, { forwarded: 'stale', ttl: freshFor(stored, cache.now()) })
      }
      return
    }
    for (const reader of this.#readers) if (reader.fail(error, started)) this.exchange.fellBack = true
  }

  #store(head: StoredHead, body: Buffer): Promise<unknown> | undefined {
    const { cache } = this.task
    const { plan } = this.exchange
    const { headers } = this.#answer!
    if (plan.enforceResponse && plan.responseCheck?.(head.status, headers['content-type'], body, headers)) {
      return undefined
    }
    const response = withBody(head, body, headers)
    if (response === null) return undefined
    if (isReusable(head, cache.now())) this.#registration.unpass()
    return cache.save(this.#key, response, this.#since).catch((error) => cache.failed(error, 'put'))
  }

  /** Answers with what is stored in place of the upstream's error. */
  #standIn(stored: StoredResponse, headers: IncomingHttpHeaders): void {
    this.#dismiss(headers)
    for (const reader of this.#readers) reader.useStored(stored, this.#validated(stored, undefined))
  }

  /** What a 304 has changed may have changed who may have it; the one who has asked gets it in any case. */
  async #useFreshened(response: StoredResponse, headers: IncomingHttpHeaders): Promise<void> {
    const { task } = this
    this.#dismiss(headers)
    const audience = audienceOfFreshened(task, this.exchange.plan, this.exchange.request, response)
    const outcome = this.#validated(response, audience !== 'none' || undefined)
    for (const reader of this.#readers) {
      if (audience !== 'none' || reader.request === this.exchange.request) reader.useStored(response, outcome)
    }
    await replaceStored(task, response, audience, this.#since)
    if (audience === 'none') {
      for (const reader of this.#readers) if (reader.request !== this.exchange.request) reader.askAgain()
    }
  }

  /** Nobody waits for the answer any more. */
  #abandon(): void {
    this.#isAbandoned = true
    this.#controller?.abort()
  }

  /** The content of the answer is not needed, and nobody else can join. */
  #dismiss(headers: IncomingHttpHeaders): void {
    this.#controller!.dismiss(headers)
    this.#registration.close()
  }

  #later(work: Promise<void>): void {
    work.catch((error) => this.broken(error))
  }

  #validated(stored: StoredResponse, isStored: true | undefined): CacheOutcome {
    const { status, cameAt } = this.#answer!
    return {
      forwarded: 'stale',
      upstreamStatus: status,
      ttl: freshFor(stored, cameAt),
      stored: isStored,
      collapsed: false,
    }
  }

  /** A 304 about something else than what is stored, which is of no use then. */
  async #startAnew(headers: IncomingHttpHeaders): Promise<void> {
    const { task } = this
    this.#dismiss(headers)
    await replaceStored(task, task.stored!, 'none', this.#since)
    for (const reader of this.#readers) reader.askAgain('without-stored')
  }

  /** The head of a 200 tells whether what is stored still holds (RFC 9111, section 4.3.5). */
  #learnFromHead(answer: UpstreamAnswer): void {
    const { task } = this
    const { stored } = task
    if (stored === null || answer.status !== 200) return
    const length = answer.headers['content-length']
    const holds =
      confirms(answer.headers, stored) &&
      (length === undefined || stored.part !== null || Number(length) === stored.body.byteLength)
    const response = holds ? freshened(stored, answer, task.policy) : { ...stored, lifetime: 0, mustValidate: true }
    this.#later(
      replaceStored(
        task,
        response,
        audienceOfFreshened(task, this.exchange.plan, this.exchange.request, response),
        this.#since,
      ),
    )
  }

  /** @param passes  whether later misses need not wait for one another, since what comes is not for several */
  #giveUpStoring(passes = true): void {
    this.#head = null
    this.#chunks = []
    if (passes) this.#registration.pass()
    this.#registration.close()
  }

  /** What is not used without a validation is for those alone who wait for one, if for anybody. */
  #keepForValidations(): void {
    if (this.task.stored === null) this.#registration.close()
  }

  /** What others get must be something that the cache could give them. */
  #isFor(reader: CacheReader, head: StoredHead): boolean {
    return reader.mayShare(head, this.task.stored !== null, this.now())
  }

  #outcome(collapsed: boolean): CacheOutcome {
    return { forwarded: this.task.reason, upstreamStatus: this.#answer!.status, stored: this.#head !== null, collapsed }
  }

  now(): number {
    return this.task.cache.now()
  }
  /** The clients get their answer from now on. */
  streams(): void {
    this.#controller?.clearDeadline()
  }
}

/** A body in memory of its own: pieces are views of what was read at once, of which they would keep all. */
function inOwnMemory(chunks: readonly Buffer[], length: number): Buffer {
  const body = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(body, at)
  return body
}
