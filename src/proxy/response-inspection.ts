import type { IncomingHttpHeaders } from 'node:http'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import type { Violation } from '../errors.ts'
import { guarded } from '../listener/settle.ts'
import type { ResponseCheck } from '../validation/response-check.ts'
import type { Exchange } from './exchange.ts'

/** Largest response that is collected to be checked against its schema. */
export const CHECK_LIMIT = 1024 * 1024
const TOO_LARGE: Violation[] = [{ in: 'body', pointer: '', expected: `at most ${CHECK_LIMIT} bytes, to be checked` }]

/**
 * Checks a response against the schema of its route and reports violations. In the mode "enforce" the writer holds the
 * whole body back until it has passed; in the mode "report" the response goes on, and a copy is checked at its end.
 */
export class ResponseInspection {
  /** Whether the client must wait for the check of the body. */
  readonly holdsBody: boolean
  readonly #exchange: Exchange
  readonly #check: ResponseCheck
  readonly #readsBody: boolean
  readonly #copy: BodyCopy | null

  /** @param headers  those of the upstream */
  constructor(exchange: Exchange, check: ResponseCheck, status: number, headers: IncomingHttpHeaders) {
    const { enforceResponse } = exchange.plan
    this.#exchange = exchange
    this.#check = check
    this.#readsBody = status !== 204 && (check.reads === undefined || check.reads(headers['content-type']))
    this.holdsBody = this.#readsBody && enforceResponse
    this.#copy = this.#readsBody && !enforceResponse ? new BodyCopy(headers['content-encoding']) : null
  }

  /** Whether the response may go on, as far as its head tells. */
  passesHead(): boolean {
    // a check without `reads` looks at nothing but the body
    return this.#readsBody || this.#check.reads === undefined || this.#passes(null)
  }

  /** Whether the response with this whole body may go on. */
  passesBody(body: Buffer): boolean {
    return this.#passes(body)
  }

  /** Reports a body that is too large to be checked. @returns whether the response may go on */
  passesTooLarge(): boolean {
    return this.#report(TOO_LARGE)
  }

  /** Copies a part of a body that goes on. */
  add(chunk: Buffer): void {
    if (this.#copy !== null) this.#copy.add(chunk)
  }

  /** The body has ended: checks the copy. */
  end(): void {
    this.#copy?.end(
      (body) => guarded(this.#exchange.reply, () => this.#passes(body)),
      () => guarded(this.#exchange.reply, () => this.#report(TOO_LARGE)),
    )
  }

  /** @param body  null for one that is not read */
  #passes(body: Buffer | null): boolean {
    const { reply } = this.#exchange
    const check = this.#check
    if (body === null && check.reads === undefined) return true
    const violations = check(
      reply.statusCode,
      reply.getHeader('content-type') as string | undefined,
      body,
      check.reads && reply.getHeaders(),
    )
    return violations === null || this.#report(violations)
  }

  /** @returns whether the response may go on to the client */
  #report(violations: Violation[]): boolean {
    const { request, reply, plan } = this.#exchange
    const { config, url = '' } = request.routeOptions
    request.server.reportViolation({
      upstream: plan.upstream.name,
      url: config.publicUrl ?? url,
      method: request.method,
      status: reply.statusCode,
      violations,
      mode: plan.enforceResponse ? 'enforce' : 'report',
    })
    return !plan.enforceResponse
  }
}

type Decompress = (
  body: Buffer,
  options: { maxOutputLength: number },
  done: (error: Error | null, body: Buffer) => void,
) => void
const DECOMPRESS: Readonly<Record<string, Decompress>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: brotliDecompress,
  zstd: zstdDecompress,
}

/** A copy of a body that goes on meanwhile. It is bounded, as it comes and when it is decompressed. */
class BodyCopy {
  readonly #coding: string | undefined
  #chunks: Buffer[] = []
  #length = 0

  /** @param coding  Content-Encoding of the response */
  constructor(coding: string | undefined) {
    this.#coding = coding?.trim().toLowerCase()
  }

  add(chunk: Buffer): void {
    this.#length += chunk.length
    if (this.#length <= CHECK_LIMIT) this.#chunks.push(chunk)
    else this.#chunks = []
  }

  /**
   * Calls one of the two, at once unless the body is compressed.
   * @param look      gets the body; null for one that cannot be decompressed
   */
  end(look: (body: Buffer | null) => void, tooLarge: () => void): void {
    if (this.#length > CHECK_LIMIT) return tooLarge()
    const body = Buffer.concat(this.#chunks, this.#length)
    if (this.#coding === undefined || this.#coding === 'identity' || body.length === 0) return look(body)
    const decompress = Object.hasOwn(DECOMPRESS, this.#coding) ? DECOMPRESS[this.#coding]! : undefined
    if (decompress === undefined) return look(null)
    decompress(body, { maxOutputLength: CHECK_LIMIT }, (error, plain) => {
      if (error === null) look(plain)
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') tooLarge()
      else look(null)
    })
  }
}
