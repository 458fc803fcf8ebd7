import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config/config-schema.ts'
import { pathMistakes } from './config/own-paths.ts'
import { BootProblems, type Problem } from './errors.ts'
import { createServer } from './gateway-server.ts'
import { unneededPlugins } from './optional-plugins.ts'
import { preparePhases } from './phases.ts'
import { decorateUpstreams } from './routing/plain-plugin.ts'
import { Registrar } from './routing/registrar.ts'
import { type DraftFile, loadRouteFiles, type RouteFile } from './routing/route-files.ts'
import { checkTraffic } from './routing/traffic-check.ts'
import { bytes } from './units.ts'
import type { ConnectionPools } from './upstream/connection-pool.ts'

/**
 * The folders of `plugins/` in the order in which they are registered. The order of what their plugins do to a request
 * is in `phases.ts`; here, phases of every request come first, and routes come after the phases that guard them.
 */
const REQUEST_FOLDERS = ['observe', 'edge']
const ROUTE_FOLDERS = ['auth', 'limits', 'contract', 'response', 'admin', 'docs']
/** Routes that give way to those of upstreams. */
const LAST_FOLDER = 'fallback'

/**
 * Assembles a gateway; nothing listens yet.
 * @param pools  connections to upstreams, to be shared with the gateway that had the configuration before
 * @throws BootProblems with every mistake in the route files and documents
 */
export async function buildApp(given: Config, pools?: ConnectionPools, draft?: DraftFile): Promise<FastifyInstance> {
  const { config, problems } = withoutWrongPaths(given)
  const { app, parts } = createServer(config, pools)
  const registrar = new Registrar(parts)
  app.decorate('bootProblems', registrar.problems)
  registrar.watchRoutes(app)
  // after the registrar, so that a route has inherited its settings when the plugins read them
  const addRequestPhases = preparePhases(app)
  // before anything can fail, so that mistakes in files are reported together with the others
  const loaded = await loadRouteFiles(config.routes, importSettings(config), draft)
  registrar.problems.push(...problems, ...loaded.problems)
  checkTraffic(config, (field, message) => registrar.problems.push({ file: 'configuration', field, message }))

  await boot(app, async () => {
    for (const folder of REQUEST_FOLDERS) await registerFolder(app, folder, loaded.files)
    addRequestPhases()
    for (const folder of ROUTE_FOLDERS) await registerFolder(app, folder, loaded.files)
    decorateUpstreams(app, registrar, parts)
    for (const file of loaded.files) app.register(registrar.plugin(file))
    registerFolder(app, LAST_FOLDER, loaded.files)
    app.register(async () => registrar.endRoutes())
    await app.ready()
    registrar.finish()
  })
  return app
}

/** Registers the plugins of a folder, without those that this gateway does not need. */
const registerFolder = (app: FastifyInstance, folder: string, files: readonly RouteFile[]): PromiseLike<unknown> =>
  app.register(autoload, {
    dir: fileURLToPath(new URL(`../plugins/${folder}`, import.meta.url)),
    forceESM: true,
    ignorePattern: unneededPlugins(folder, { config: app.config, files }),
  })

/**
 * Two pages at one path are a mistake of the configuration. The gateway is assembled without them, so that the other
 * mistakes are found as well.
 */
function withoutWrongPaths(given: Config): { config: Config; problems: Problem[] } {
  const problems = pathMistakes(given).map(({ path, message }) => ({
    file: 'configuration',
    field: path.join('.'),
    message,
  }))
  if (problems.length === 0) return { config: given, problems }
  const pages = { docs: false, metrics: false, status: false, welcome: false } as const
  return { config: { ...given, ...pages, cache: { ...given.cache, purge: false } }, problems }
}

const importSettings = ({ auth, openapi, baseDir, bodyLimit }: Config) => ({
  authInherited: auth !== undefined,
  openapi,
  baseDir,
  bodyLimit: bytes(bodyLimit),
})

/**
 * Runs the boot to its end.
 * @throws BootProblems with every mistake that was found, once the application is closed
 */
async function boot(app: FastifyInstance, register: () => Promise<void>): Promise<void> {
  const { bootProblems: problems } = app
  try {
    await register()
  } catch (error) {
    if (error instanceof BootProblems) problems.push(...error.problems)
    else if (problems.length === 0) {
      await app.close().catch(() => {})
      throw error
    }
  }
  if (problems.length === 0) return
  await app.close().catch(() => {})
  // the routes of a file often have one and the same mistake
  throw new BootProblems([...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()])
}
