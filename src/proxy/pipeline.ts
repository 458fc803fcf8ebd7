import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { gatehouseError } from '../errors.ts'
import { settle } from '../listener/settle.ts'
import { isHandshake, isUpgrade } from '../listener/upgrade.ts'
import { exchangeCached } from './cached/cached-exchange.ts'
import { Exchange } from './exchange.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { answerLastRecipient } from './max-forwards.ts'
import { ReplyHandler } from './reply-handler.ts'
import { isSmall, requestBody, smallBody } from './request-body.ts'
import { TunnelHandler } from './tunnel.ts'
import { upstreamPath } from './upstream-path.ts'

/** Forwards a request as the plan of its route states: the handler at the end of a request's way. */
export function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  plan: ForwardPlan,
  path = upstreamPath(request.raw.url!, request.params, plan),
): void {
  requireAuthorization(request, plan)
  if (isUpgrade(request.raw)) return openTunnel(request, reply, plan, path)
  if (request.raw.headers['max-forwards'] !== undefined && answerLastRecipient(request, reply)) return
  if (isSmall(request, plan)) {
    settle(
      smallBody(request, reply).then((body) => answer(new Exchange(request, reply, plan, path, body))),
      reply,
    )
  } else answer(new Exchange(request, reply, plan, path, requestBody(request, plan)))
}

function answer(exchange: Exchange): void {
  if (exchange.plan.cache === null) relay(exchange)
  else exchangeCached(exchange, relay)
}

/** Asks the upstream, and relays its answer. @param handler  what becomes of the answer */
export function relay(exchange: Exchange, handler = new ReplyHandler(exchange)): void {
  const { plan } = exchange.prepare()
  plan.mirror?.copy(exchange)
  plan.upstream.dispatch(exchange, handler)
}

function openTunnel(request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan, path: string): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.raw.headers
  if (coding !== undefined || (length !== undefined && length !== '0')) {
    throw gatehouseError('GW_BAD_REQUEST', {
      detail: 'A request to upgrade has no content: send it without Content-Length and Transfer-Encoding.',
    })
  }
  if (!plan.websocket) noteRefusal(request, plan)
  if (!plan.websocket || !isHandshake(request.raw)) throw gatehouseError('GW_UPGRADE_REFUSED')
  if (request.server.tunnels.closing) throw gatehouseError('GW_SHUTTING_DOWN')
  const exchange = new Exchange(request, reply, plan, path, null).prepare()
  exchange.upgrade = 'websocket'
  plan.upstream.dispatch(exchange, new TunnelHandler(exchange))
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

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether authentication has let this request in. Stays false on routes with `auth: 'none'`. */
    authorized: boolean
    /** Whether authentication and limits have let the request in. Set on the routes of hand-written plugins alone. */
    admitted: boolean
  }
}

/**
 * Refuses to forward a request that authentication has not let in. Every way to an upstream begins with this, so that a
 * route that lost its authentication serves nothing.
 * @throws an error that is answered 500 and is explained in the log
 */
export function requireAuthorization(request: FastifyRequest, plan: ForwardPlan): void {
  if (request.authorized || plan.open) return
  throw new Error(
    `the request was not forwarded to ${plan.upstream.name}, since no authentication has decided about it: state config.auth on the route that forwards it ('none' when everybody may call)`,
  )
}

/** The gateway's last onRequest hook on the routes of hand-written plugins. Forwarding before it is refused. */
export const admit: onRequestHookHandler = (request, _reply, done) => {
  request.admitted = true
  done()
}
