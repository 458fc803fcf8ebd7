import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { settle } from '../listener/settle.ts'
import { isUpgrade } from '../listener/upgrade.ts'
import { FORWARDED_METHODS } from '../upstream/declaration-schema.ts'
import type { Body } from '../upstream/outgoing-request.ts'
import { requireAuthorization } from '../proxy/admission.ts'
import { Exchange } from '../proxy/exchange.ts'
import type { ForwardPlan } from '../proxy/forward-plan.ts'
import { answerLastRecipient } from '../proxy/max-forwards.ts'
import { forward, relay } from '../proxy/pipeline.ts'
import { isSmall, requestBody, smallBody } from '../proxy/request-body.ts'
import { ReplyHandler } from '../proxy/reply-handler.ts'
import type { Deliver } from '../proxy/reply-writer.ts'
import { isUnknownStatus } from '../proxy/response-headers.ts'
import { upstreamPath } from '../proxy/upstream-path.ts'

const kReply = Symbol('gatehouse.reply')
type Replied = { [kReply]: FastifyReply }

/** How `@fastify/http-proxy` is answered by the object that it takes for an undici client. */
type ClientCallback = (
  error: Error | null,
  response?: { statusCode: number; headers: Record<string, string>; body: unknown },
) => void

/**
 * Forwards the undeclared paths below a prefix with `@fastify/http-proxy`, over the same attempt loop as the declared
 * routes: its client is ours, so targets, timeouts, headers and errors are shared, and its own retries, header
 * rewriting and URL building have no say.
 * @param scope   a scope whose body parser hands the stream through
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
    // the connections belong to the upstream, which closes them
    destroy(): void {},
  }
  scope.register(httpProxy, {
    prefix,
    upstream: '',
    undici: client,
    httpMethods: FORWARDED_METHODS,
    config,
    proxyPayloads: false,
    disableRequestLogging: true,
    internalRewriteLocationHeader: false,
    handler: (request: FastifyRequest, reply: FastifyReply, _destination: string, options: object) => {
      // what is cached has no use for another client in between
      if (isUpgrade(request.raw) || plan.cache !== null) return forward(request, reply, plan)
      if (request.raw.headers['max-forwards'] !== undefined && answerLastRecipient(request, reply)) return
      requireAuthorization(request, plan)
      Object.assign(request, { [kReply]: reply })
      // where to is our client's business; a constant keeps the URL out of another reading, which refuses `/...`
      reply.from('/', options)
    },
    replyOptions: {
      getUpstream: () => 'http://upstream.invalid',
      rewriteRequestHeaders: (request: FastifyRequest & Replied) => ({ [kReply]: request[kReply] }),
      // left alone it would ask ten times again on 503, and wait Retry-After as milliseconds
      retryDelay: () => null,
    },
  } as unknown as FastifyHttpProxyOptions)
}

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
