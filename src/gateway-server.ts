import fastify, { type FastifyInstance, LogController } from 'fastify'
import { MemoryStore } from './cache/memory-store.ts'
import type { Config } from './config/config-schema.ts'
import type { Problem } from './errors.ts'
import { ByteBudget } from './limits/byte-budget.ts'
import { ConnectionDrain } from './listener/drain.ts'
import { answerError } from './listener/error-answer.ts'
import { FIRST_DISCOVERY } from './listener/process-listen.ts'
import { prepareListener, serverOptions } from './listener/server-options.ts'
import { createLogger } from './observe/logger.ts'
import { requestIds } from './observe/request-id.ts'
import { ResponseCache } from './proxy/cached/response-cache.ts'
import { ForwardedHeaders } from './proxy/forwarded-headers.ts'
import { OpenTunnels } from './proxy/tunnel.ts'
import { ApiRegistry } from './routing/api-registry.ts'
import { ROUTER_OPTIONS } from './routing/header-match.ts'
import { HostRouter } from './routing/host-router.ts'
import { answerUnrouted } from './routing/not-found.ts'
import type { RegistrarParts } from './routing/registrar.ts'
import { RouteTable } from './routing/route-table.ts'
import { CredentialRemoval } from './routing/credential-removal.ts'
import { bytes } from './units.ts'
import type { ConnectionPools } from './upstream/connection-pool.ts'
import { FORWARDED_METHODS } from './upstream/declaration-schema.ts'
import { UpstreamRegistry } from './upstream/upstream-registry.ts'
import { streamBodies } from './validation/body-parsers.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The configuration with every default filled in. */
    config: Config
    /** The mistakes in configuration, files and documents; once all is loaded, they stop the boot. */
    bootProblems: Problem[]
    hostRouter: HostRouter
    upstreams: UpstreamRegistry
    /** The API documents that upstreams were made from. */
    apis: ApiRegistry
    responseCache: ResponseCache
    /** The connections of clients. */
    connections: ConnectionDrain
    /** Whether the gateway takes new requests; `/readyz` reports it. */
    readiness: { ready: boolean }
  }
}

/**
 * Makes the Fastify server of a gateway: its options, what plugins find on it, its error answers, what happens when it
 * starts and stops. It has no plugins and no routes yet.
 * @returns the server, and the parts that its routes are registered with
 */
export function createServer(config: Config, pools?: ConnectionPools): { app: FastifyInstance; parts: RegistrarParts } {
  const forwarded = new ForwardedHeaders(config.trustProxy, config.via)
  const table = new RouteTable()
  const hosts = new HostRouter(table)
  const logger = createLogger(config.log)
  const app = fastify({
    ...serverOptions(config),
    loggerInstance: logger,
    // one logger for all requests: its lines state the request's id themselves
    childLoggerFactory: () => logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIds((socket) => forwarded.trusts(socket)),
    trustProxy: config.trustProxy.length > 0 ? config.trustProxy : false,
    exposeHeadRoutes: false,
    routerOptions: ROUTER_OPTIONS as object,
    rewriteUrl: (request) => {
      forwarded.receive(request)
      return hosts.rewrite(request)
    },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
  }) as unknown as FastifyInstance
  for (const method of FORWARDED_METHODS) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })
  }
  const parts: RegistrarParts = {
    config,
    table,
    hosts,
    forwarded,
    upstreams: upstreamRegistry(app, pools),
    apis: new ApiRegistry(),
    responses: responseCache(app, config),
    withheld: new CredentialRemoval(config),
  }
  decorate(app, parts)
  prepareListener(app)
  // bodies are forwarded as they are; what the gateway itself answers is small
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  // a request that no route answers is refused without waiting for its body
  streamBodies(app)
  app.setErrorHandler(answerError)
  answerUnrouted(app)
  startAndStop(app)
  return { app, parts }
}

const upstreamRegistry = (app: FastifyInstance, pools?: ConnectionPools): UpstreamRegistry =>
  new UpstreamRegistry((decision, upstream, target, details) => {
    app.log.warn({ decision, upstream, target: target?.id, ...details }, 'traffic decision')
    app.metrics.decisions.inc({ decision, upstream, target: target?.id ?? '' })
  }, pools)

const responseCache = (app: FastifyInstance, { cache }: Config): ResponseCache =>
  new ResponseCache(
    new MemoryStore(bytes(cache.memory)),
    (operation, reason) => {
      if (reason !== null) app.log.warn({ reason, operation }, 'the store of responses has failed')
      app.metrics.cacheStoreErrors.inc({ operation })
    },
    undefined,
    new ByteBudget(bytes(cache.inFlight)),
  )

/** What plugins and handlers find on the server and on each request. */
function decorate(app: FastifyInstance, parts: RegistrarParts): void {
  const { config, hosts, table, upstreams, apis, responses, withheld } = parts
  app.decorate('config', config)
  app.decorate('hostRouter', hosts)
  app.decorate('routeTable', table)
  app.decorate('upstreams', upstreams)
  app.decorate('apis', apis)
  app.decorate('responseCache', responses)
  app.decorate('credentialRemoval', withheld)
  app.decorate('tunnels', new OpenTunnels())
  app.decorate('connections', new ConnectionDrain(app.server))
  app.decorate('readiness', { ready: true })
  app.decorate('bodyMemory', new ByteBudget(bytes(config.bodyMemory)))
  app.decorateRequest('consumer', null)
  app.decorateRequest('admitted', false)
  app.decorateRequest('exchange', null)
  app.decorateRequest('cacheResult', null)
  app.decorateRequest('storedBody', null)
  app.decorateRequest('heldBody', null)
}

function startAndStop(app: FastifyInstance): void {
  const { apis, connections, upstreams } = app
  // not before, since commands that only look at routes need none of it
  app.addHook('onListen', async () => {
    await upstreams.discover(FIRST_DISCOVERY)
    for (const upstream of upstreams) upstream.start()
    await apis.start(app.log)
  })
  app.addHook('preClose', async () => {
    app.readiness.ready = false
    connections.begin()
    app.tunnels.closeAll()
    // a server that has retired listens no more, and Fastify would not wait for its connections
    await connections.retired
  })
  app.addHook('onClose', () => {
    apis.close()
    return upstreams.close(1000)
  })
}
