import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError } from '../errors.ts'
import { settle } from '../listener/settle.ts'
import { isHandshake, isUpgrade } from '../listener/upgrade.ts'
import { requireAuthorization } from './admission.ts'
import { isStream } from './attempt.ts'
import type { AttemptLoop } from './attempt-loop.ts'
import { exchangeCached } from './cached/cached-exchange.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { answerLastRecipient } from './max-forwards.ts'
import { isSmall, requestBody, smallBody } from './request-body.ts'
import { requestHeaders } from './request-headers.ts'
import { ResponseRelay } from './response-relay.ts'
import { Tunnel } from './tunnel.ts'
import { upstreamPath } from './upstream-path.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The exchange with the upstream; null when there is none. */
    exchange: AttemptLoop | null
  }
}

/** Forwards a request as its route's plan says: the last stage of a request's way. */
export function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  plan: ForwardPlan,
  path = upstreamPath(request.raw.url!, request.params, plan),
): void {
  requireAuthorization(request, plan)
  if (isUpgrade(request.raw)) {
    const { 'content-length': length, 'transfer-encoding': coding } = request.raw.headers
    if (coding !== undefined || (length !== undefined && length !== '0')) {
      throw gatehouseError('GW_BAD_REQUEST', {
        detail: 'A request to upgrade has no content: send it without Content-Length and Transfer-Encoding.',
      })
    }
    if (!plan.websocket) noteRefusal(request, plan)
    if (!plan.websocket || !isHandshake(request.raw)) throw gatehouseError('GW_UPGRADE_REFUSED')
    if (request.server.tunnels.closing) throw gatehouseError('GW_SHUTTING_DOWN')
    new Tunnel(request, reply, plan, path, requestHeaders(request, plan, false), null).start('websocket')
    return
  }
  if (request.raw.headers['max-forwards'] !== undefined && answerLastRecipient(request, reply)) return
  if (isSmall(request, plan)) {
    settle(
      smallBody(request, reply).then((body) => exchange(request, reply, plan, path, body)),
      reply,
    )
  } else exchange(request, reply, plan, path, requestBody(request, plan))
}

function exchange(
  request: FastifyRequest,
  reply: FastifyReply,
  plan: ForwardPlan,
  path: string,
  body: Buffer | Readable | null,
): void {
  if (plan.cache === null) relayResponse(request, reply, plan, path, body)
  else {
    exchangeCached(request, reply, plan, path, isStream(body) ? null : body, () =>
      relayResponse(request, reply, plan, path, body),
    )
  }
}

function relayResponse(
  request: FastifyRequest,
  reply: FastifyReply,
  plan: ForwardPlan,
  path: string,
  body: Buffer | Readable | null,
): void {
  const headers = requestHeaders(request, plan, body !== null)
  plan.mirror?.copy(request, plan, path, headers, body)
  new ResponseRelay(request, reply, plan, path, headers, body).start()
}

/** Logs that a route takes no WebSockets, with the field that lets them through. */
function noteRefusal(
  { id, log, method, routeOptions: { config, url } }: FastifyRequest,
  { upstream }: ForwardPlan,
): void {
  const { publicUrl = url, passThrough = false, upstream: declared } = config
  const field = passThrough ? 'passThrough.websocket: true' : 'websocket: true on the route'
  const hint = declared === undefined ? `call reply.forward('${upstream.name}', { websocket: true })` : `set ${field}`
  const route = { upstream: upstream.name, method, route: publicUrl }
  log.warn({ reqId: id, ...route }, `a WebSocket was refused, since its route takes none: to let it through, ${hint}`)
}
