import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { HSTS } from '../browser/strict-transport.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { publicHeaders } from './response-headers.ts'

/** Those of interest to a client: 102 and 103. 100 and 101 are about one connection. */
const FORWARDED = new Set([102, 103])
/** Most that one request gets, whatever the upstream sends. */
const MOST = 10

const kSent = Symbol('gatehouse.informational')
type Informed = ServerResponse & {
  [kSent]?: number
  writeInformation?: (status: number, headers: Record<string, string | string[]>) => void
}

/** Hands an informational response on (RFC 9110, section 15.2; Early Hints: RFC 8297). HTTP/1.0 knows none. */
export function sendInformational(
  reply: FastifyReply,
  status: number,
  headers: IncomingHttpHeaders,
  plan: ForwardPlan,
): void {
  const raw = reply.raw as Informed
  const sent = raw[kSent] ?? 0
  if (
    !FORWARDED.has(status) ||
    raw.headersSent ||
    raw.destroyed ||
    raw.writableEnded ||
    sent >= MOST ||
    reply.request.raw.httpVersion !== '1.1'
  ) {
    return
  }
  raw[kSent] = sent + 1
  // RFC 9110, section 8.6: no length
  const {
    date: _date,
    'content-length': _length,
    [HSTS]: _hsts,
    ...hints
  } = publicHeaders(headers, plan, reply.request, null)
  try {
    // Node 24 has none for any status
    if (raw.writeInformation !== undefined) raw.writeInformation(status, hints)
    else if (status === 102) raw.writeProcessing()
    else raw.writeEarlyHints(hints)
  } catch {
    // a link that Node does not take is a hint lost, no more
  }
}
