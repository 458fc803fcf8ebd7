import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { settle } from '../listener/settle.ts'
import { isUpgrade } from '../listener/upgrade.ts'
import { FORWARDED_METHODS } from '../upstream/declaration-schema.ts'
import type { Body } from '../upstream/outgoing-request.ts'
import { requireAuthorization, forward, relay } from '../proxy/pipeline.ts'
import { Exchange } from '../proxy/exchange.ts'
import type { ForwardPlan } from '../proxy/forward-plan.ts'
import { answerLastRecipient } from '../proxy/max-forwards.ts'
import { isSmall, requestBody, smallBody } from '../proxy/request-body.ts'
import { ReplyHandler } from '../proxy/reply-handler.ts'
import type { Deliver } from '../proxy/reply-writer.ts'
import { isUnknownStatus } from '../proxy/response-headers.ts'
import { upstreamPath } from '../proxy/upstream-path.ts'

/**
 * Forwards the undeclared paths below a prefix with `@fastify/http-proxy`, through the same upstream as the declared
 * routes: targets, timeouts, headers and errors are shared. The package's own retries, header rewriting and URL
 * building are switched off.
 *
 * The package brings its own version of undici and hands no reply to its client. It takes any object with `request()`
 * as a client, so this one relays the exchange of the reply that it finds in the headers.
 * @param scope   a scope whose body parser passes the stream on
 * @param prefix  internal prefix, `''` for the root
 */
export function registerPassThrough(
  scope: FastifyInstance,
  prefix: string,
  plan: ForwardPlan,
  config: FastifyContextConfig,
): void {
  const client = {
    request({ headers }: { headers: Replied }, done: ClientCallback): void {
      const reply = headers[kReply]
      const { request } = reply
      if (isSmall(request, plan)) {
        settle(
          smallBody(request, reply).then((body) => relayThrough(request, reply, plan, body, done)),
          reply,
        )
      } else relayThrough(request, reply, plan, requestBody(request, plan), done)
    },
  }
  scope.register(httpProxy, {
    prefix,
    upstream: '',
    undici: client,
    // the connections belong to the upstream, which closes them
    destroyAgent: false,
    httpMethods: FORWARDED_METHODS,
    config,
    proxyPayloads: false,
    disableRequestLogging: true,
    internalRewriteLocationHeader: false,
    handler: (request: FastifyRequest, reply: FastifyReply, _destination: string, options: object) => {
      // the package has no part in answers of the cache
      if (isUpgrade(request.raw) || plan.cache !== null) return forward(request, reply, plan)
      if (request.raw.headers['max-forwards'] !== undefined && answerLastRecipient(request, reply)) return
      requireAuthorization(request, plan)
      Object.assign(request, { [kReply]: reply })
      // our client knows the path. The package would read the URL once more, and refuse some
      reply.from('/', options)
    },
    replyOptions: {
      getUpstream: () => 'http://upstream.invalid',
      rewriteRequestHeaders: (request: FastifyRequest & Replied) => ({ [kReply]: request[kReply] }),
      // by default it retries ten times on 503, and reads Retry-After as milliseconds
      retryDelay: () => null,
    },
  } as unknown as FastifyHttpProxyOptions)
}

/** Carries the reply through the headers that reply-from passes to its client. */
const kReply = Symbol('gatehouse.reply')
type Replied = { [kReply]: FastifyReply }

/** The callback of `request` of an undici client, as reply-from calls it. */
type ClientCallback = (
  error: Error | null,
  response?: { statusCode: number; headers: Record<string, string>; body: unknown },
) => void

/** Relays the exchange, and hands the answer to `@fastify/http-proxy`, which sends it. */
function relayThrough(
  request: FastifyRequest,
  reply: FastifyReply,
  plan: ForwardPlan,
  body: Body,
  done: ClientCallback,
): void {
  const exchange = new Exchange(request, reply, plan, upstreamPath(request.raw.url!, request.params, plan), body)
  // the headers of the response are on the reply already
  const deliver: Deliver = ({ statusCode }, content) => {
    // reply-from sets the status once more, by a method that refuses this one
    if (isUnknownStatus(statusCode)) reply.send(content)
    else done(null, { statusCode, headers: {}, body: content })
  }
  relay(exchange, new ReplyHandler(exchange, deliver))
}
