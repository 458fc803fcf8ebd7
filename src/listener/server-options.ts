import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Config } from '../config/config-schema.ts'
import { bytes, milliseconds } from '../units.ts'
import { BodyClock } from './body-clock.ts'
import { answerClientError, isClosing, lingerOnClose } from './client-error.ts'
import { refuseConnect } from './connect-requests.ts'
import { boundConnections } from './connection-bound.ts'
import { deferContinue, refuseExpectations } from './expect-continue.ts'
import { isHttpMethod } from './refusal.ts'
import { unroutedAnswer } from './unrouted-answer.ts'
import { routeUpgrades, wantsWebSocket } from './upgrade.ts'

/** Fastify's and Node's options for the client side. */
export function serverOptions({ listener, bodyLimit }: Config): FastifyServerOptions {
  const options: FastifyServerOptions & { http: object } = {
    http: {
      maxHeaderSize: bytes(listener.maxHeaderSize),
      headersTimeout: milliseconds(listener.headersTimeout),
      // how often timeouts are checked; with Node's default of 30 s, a timeout of 15 s could take 45 s
      connectionsCheckingInterval: 1000,
      // the gateway answers this itself, like every other error
      requireHostHeader: false,
      shouldUpgradeCallback: wantsWebSocket,
    },
    requestTimeout: milliseconds(listener.requestTimeout),
    keepAliveTimeout: milliseconds(listener.keepAliveTimeout),
    bodyLimit: bytes(bodyLimit),
    clientErrorHandler: answerClientError,
  }
  return options
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Ends requests whose bodies arrive too slowly. */
    bodyClock: BodyClock
  }
}

/** Applies settings that can only be made on the server itself, after Fastify has created it. */
export function prepareListener(app: FastifyInstance): void {
  const { maxConnections, bodyIdleTimeout, minBodyRate } = app.config.listener
  const clock = new BodyClock({ idle: milliseconds(bodyIdleTimeout), rate: bytes(minBodyRate) })
  app.decorate('bodyClock', clock)
  app.addHook('onClose', async () => clock.close())
  const handle = inTurn((request: IncomingMessage, response: ServerResponse) => {
    // a pipelined request after the last one that gets a response
    if (isClosing(request.socket)) return
    if (!isHttpMethod(request.method!)) return refuseProtocol(app, request, response)
    clock.watch(request, response)
    app.routing(request, response)
  })
  boundConnections(app.server, maxConnections, app.log)
  // Fastify has installed its own listener, which is `app.routing`
  app.server.removeAllListeners('request').on('request', handle)
  lingerOnClose(app.server)
  deferContinue(app.server, handle)
  refuseExpectations(app.server, handle)
  routeUpgrades(app.server, handle)
  refuseConnect(app.server, handle)
}

/** Node's parser also accepts RTSP and ICE requests and passes them on as HTTP, with methods that no router knows. */
function refuseProtocol(
  app: FastifyInstance,
  { socket, headers: { accept } }: IncomingMessage,
  response: ServerResponse,
): void {
  const code = 'GW_UNSUPPORTED_VERSION'
  const { status, requestId, headers, body } = unroutedAnswer(code, accept)
  app.log.info({ reqId: requestId, client: socket.remoteAddress, status, code }, 'refused, it is no HTTP')
  response.writeHead(status, headers).end(body)
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void

/** The number of requests of one connection that may wait; after that, reading from it is paused. */
const MOST_WAITING = 16

const kWaiting = Symbol('gatehouse.waiting')
type PipelinedSocket = Socket & { [kWaiting]?: number }

/**
 * Serves the pipelined requests of a connection one after the other (RFC 9112, section 9.3.2). Node would start all of
 * them at once, so that a few kilobytes on one connection could cause thousands of concurrent upstream requests.
 */
function inTurn(handle: Handle): Handle {
  return (request, response) => {
    // a response owns the socket when no earlier response is in flight
    if (response.socket !== null) return handle(request, response)
    const socket: PipelinedSocket = request.socket
    if (socket[kWaiting] === undefined) {
      socket[kWaiting] = 0
      // Node resumes reading after each complete message
      socket.on('resume', holdBack)
    }
    socket[kWaiting]++
    holdBack.call(socket)
    response.once('socket', () => {
      socket[kWaiting]!--
      if (socket[kWaiting] === MOST_WAITING - 1) socket.resume()
      handle(request, response)
    })
  }
}

function holdBack(this: PipelinedSocket): void {
  if (this[kWaiting]! >= MOST_WAITING) this.pause()
}
