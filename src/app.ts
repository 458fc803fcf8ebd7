import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import fastify, { type FastifyInstance, LogController } from 'fastify'
import { MemoryStore } from './cache/memory-store.ts'
import type { Config } from './config/config-schema.ts'
import { pathMistakes } from './config/own-paths.ts'
import { streamBodies } from './validation/body-parsers.ts'
import { BootProblems, gatehouseError, type Problem } from './errors.ts'
import { ByteBudget } from './limits/byte-budget.ts'
import { ConnectionDrain } from './listener/drain.ts'
import { answerError } from './listener/error-answer.ts'
import { FIRST_DISCOVERY } from './listener/process-listen.ts'
import { refusalOf } from './listener/refusal.ts'
import { prepareListener, serverOptions } from './listener/server-options.ts'
import { createLogger } from './observe/logger.ts'
import { requestIds } from './observe/request-id.ts'
import { type GatewayParts, unneededPlugins } from './optional-plugins.ts'
import { preparePhases } from './phases.ts'
import { ForwardedHeaders } from './proxy/forwarded-headers.ts'
import { ResponseCache } from './proxy/cached/response-cache.ts'
import { OpenTunnels } from './proxy/tunnel.ts'
import { ApiRegistry } from './routing/api-registry.ts'
import type { ConnectionPools } from './upstream/connection-pool.ts'
import { FORWARDED_METHODS } from './upstream/declaration-schema.ts'
import { HostRouter } from './routing/host-router.ts'
import { decorateUpstreams } from './routing/plain-plugin.ts'
import { Registrar } from './routing/registrar.ts'
import { type DraftFile, loadRouteFiles } from './routing/route-files.ts'
import { RouteTable } from './routing/route-table.ts'
import { ROUTER_OPTIONS } from './routing/header-match.ts'
import { checkTraffic } from './routing/traffic-check.ts'
import { UpstreamRegistry } from './upstream/upstream-registry.ts'
import { WithheldFields } from './routing/withheld-fields.ts'
import { bytes } from './units.ts'

/**
 * The folders of `plugins/`, in the order in which they are registered: first those with phases of every request, then
 * those with phases of routes, then those with routes of their own. The order of the phases is in `phases.ts`.
 */
const REQUEST_FOLDERS = ['observe', 'edge']
const ROUTE_FOLDERS = ['auth', 'limits', 'contract', 'response', 'admin', 'docs']
/** Plugins whose routes give way to those of upstreams, and which therefore come last. */
const FALLBACK = 'fallback'

/** Registers the plugins of a folder, without those that this gateway does not need. */
const registerFolder = (app: FastifyInstance, folder: string, parts: GatewayParts): PromiseLike<unknown> =>
  app.register(autoload, {
    dir: fileURLToPath(new URL(`../plugins/${folder}`, import.meta.url)),
    forceESM: true,
    ignorePattern: unneededPlugins(folder, parts),
  })

declare module 'fastify' {
  interface FastifyInstance {
    /** The configuration with every default filled in. */
    config: Config
    /** What is wrong with configuration, files and documents; once all is loaded, it stops the boot. */
    bootProblems: Problem[]
    hostRouter: HostRouter
    upstreams: UpstreamRegistry
    /** The API documents that upstreams were made from. */
    apis: ApiRegistry
    responseCache: ResponseCache
    /** The connections of clients. */
    connections: ConnectionDrain
    /** Whether new requests are welcome; `/readyz` tells it. */
    readiness: { ready: boolean }
  }
}

/**
 * Assembles a gateway; nothing listens yet.
 * @param pools  connections to upstreams, to be shared with the gateway that had the configuration before
 * @throws BootProblems with every mistake in the route files and documents
 */
export async function buildApp(given: Config, pools?: ConnectionPools, draft?: DraftFile): Promise<FastifyInstance> {
  const wrongPaths = pathMistakes(given)
  // without what cannot be served, so that the other mistakes are found as well
  const config: Config =
    wrongPaths.length > 0
      ? {
          ...given,
          docs: false,
          metrics: false,
          status: false,
          welcome: false,
          cache: { ...given.cache, purge: false },
        }
      : given
  const table = new RouteTable()
  const apis = new ApiRegistry()
  const hosts = new HostRouter(table)
  const upstreams = new UpstreamRegistry((decision, upstream, target, details) => {
    app.log.warn({ decision, upstream, target: target?.id, ...details }, 'traffic decision')
    app.metrics.decisions.inc({ decision, upstream, target: target?.id ?? '' })
  }, pools)
  const responses = new ResponseCache(
    new MemoryStore(bytes(config.cache.memory)),
    (operation, reason) => {
      if (reason !== null) app.log.warn({ reason, operation }, 'the store of responses has failed')
      app.metrics.cacheStoreErrors.inc({ operation })
    },
    undefined,
    new ByteBudget(bytes(config.cache.inFlight)),
  )
  const forwarded = new ForwardedHeaders(config.trustProxy, config.via)
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
  app.decorate('config', config)
  prepareListener(app)
  app.decorate('hostRouter', hosts)
  app.decorate('upstreams', upstreams)
  app.decorate('apis', apis)
  app.decorate('responseCache', responses)
  app.decorate('routeTable', table)
  app.decorate('tunnels', new OpenTunnels())
  app.decorate('readiness', { ready: true })
  app.decorateRequest('consumer', null)
  app.decorateRequest('admitted', false)
  app.decorateRequest('exchange', null)
  app.decorateRequest('cacheResult', null)
  app.decorateRequest('storedBody', null)
  app.decorate('bodyMemory', new ByteBudget(bytes(config.bodyMemory)))
  app.decorateRequest('heldBody', null)
  // bodies are forwarded as they are; what the gateway itself answers is small
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  // a request that no route answers is refused without waiting for its body
  streamBodies(app)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request) => {
    // CONNECT has no routes, not even the one for requests that are refused
    const refusal = refusalOf(request.raw)
    if (refusal !== undefined) throw gatehouseError(refusal, { headers: { connection: 'close' } })
    const allowed = hosts.methodsAt(request.originalUrl, request.headers)
    app.drift?.unanswered(request.method, request.headers.host ?? '', request.originalUrl.split('?', 1)[0]!)
    // RFC 9110, section 15.5.6
    // a handler that has its method may answer that there is nothing, as for a file that is not there
    throw allowed.length > 0 && !allowed.includes(request.method)
      ? gatehouseError('GW_METHOD_NOT_ALLOWED', { headers: { allow: allowed.join(', ') } })
      : gatehouseError('GW_NOT_FOUND')
  })
  const connections = new ConnectionDrain(app.server)
  app.decorate('connections', connections)
  app.addHook('preClose', async () => {
    app.readiness.ready = false
    connections.begin()
    app.tunnels.closeAll()
    // a server that has retired listens no more, and Fastify would not wait for its connections
    await connections.retired
  })
  // not before, since commands that only look at routes need none of it
  app.addHook('onListen', async () => {
    await upstreams.discover(FIRST_DISCOVERY)
    for (const upstream of upstreams) upstream.start()
    await apis.start(app.log)
  })
  app.addHook('onClose', () => {
    apis.close()
    return upstreams.close(1000)
  })

  const withheld = new WithheldFields(config)
  app.decorate('withheldFields', withheld)
  app.addHook('onRoute', (route) => withheld.watch(route))
  app.addHook('onReady', async () => withheld.ready(app.authSchemes))
  const registrar = new Registrar({ config, hosts, table, upstreams, apis, forwarded, responses, withheld })
  registrar.watchRoutes(app)
  // the routes have inherited by now what plugins read when the phases are assembled
  const addRequestPhases = preparePhases(app)
  app.decorate('bootProblems', registrar.problems)
  // before anything can fail, so that their problems are told with those of the rest
  const { files, problems } = await loadRouteFiles(
    config.routes,
    {
      authInherited: config.auth !== undefined,
      openapi: config.openapi,
      baseDir: config.baseDir,
      bodyLimit: bytes(config.bodyLimit),
    },
    draft,
  )
  registrar.problems.push(
    ...wrongPaths.map(({ path, message }) => ({ file: 'configuration', field: path.join('.'), message })),
    ...problems,
  )
  checkTraffic(config, (field, message) => registrar.problems.push({ file: 'configuration', field, message }))
  try {
    const parts = { config, files }
    for (const folder of REQUEST_FOLDERS) await registerFolder(app, folder, parts)
    addRequestPhases()
    for (const folder of ROUTE_FOLDERS) await registerFolder(app, folder, parts)
    decorateUpstreams(app, registrar, { config, upstreams, forwarded, withheld })
    for (const file of files) app.register(registrar.plugin(file))
    registerFolder(app, FALLBACK, parts)
    // once every route is there
    app.register(async () => {
      registrar.late.end()
      hosts.guard.complete()
    })
    await app.ready()
    registrar.finish()
  } catch (error) {
    if (error instanceof BootProblems) registrar.problems.push(...error.problems)
    else if (registrar.problems.length === 0) {
      await app.close().catch(() => {})
      throw error
    }
  }
  if (registrar.problems.length > 0) {
    await app.close().catch(() => {})
    throw new BootProblems(unique(registrar.problems))
  }
  return app
}

/** The routes of a file often have one and the same mistake. */
const unique = (problems: Problem[]): Problem[] => [
  ...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values(),
]
