import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { findConfigFile } from '../config/config-file.ts'
import { ConfigProblems } from '../config/load-config.ts'
import { BootProblems } from '../errors.ts'
import { ignoreHangup, NO_RELOAD, NO_RELOAD_NEEDED, untilStopped } from '../listener/process-signals.ts'
import { releaseIdleMemory } from '../listener/idle-memory.ts'
import { announce, FIRST_DISCOVERY, flushLog, listen, listenFailure } from '../listener/process-listen.ts'
import { AFTER_CUT } from '../listener/process-shutdown.ts'
import { shadowNotes } from '../routing/shadowed-paths.ts'
import { milliseconds } from '../units.ts'
import { commandConfig, passedOver, type ConfigOptions } from './command-config.ts'
import { CommandFailure } from './failure.ts'
import type { Watched } from './file-watch.ts'
import { recordModules } from './loaded-modules.ts'
import { untilRetired } from './retirement.ts'
import { standBy } from './standby.ts'
import { isSupervised, leaveSupervisor, stateBefore, tellStateWhenAsked, tellSupervisor } from './supervision.ts'

/** `gatehouse start`: runs the gateway until it is asked to stop. Resolves to the exit code. */
export async function start(options: ConfigOptions): Promise<number> {
  if (!isSupervised()) {
    let say = (): void => {
      process.stderr.write(`gatehouse: ${NO_RELOAD}\n`)
    }
    ignoreHangup(() => say())
    return run(
      options,
      (app) => {
        say = () => warn(app, NO_RELOAD)
      },
      () => {},
    )
  }
  // until this gateway serves, the supervisor logs the line about SIGHUP
  let say = (): void => {}
  ignoreHangup(() => say())
  const imported = recordModules()
  const tellImported = (): void => tellSupervisor({ imported: imported() })
  const logged = await standBy()
  try {
    return await run(
      options,
      (app) => {
        say = () => warn(app, NO_RELOAD_NEEDED)
      },
      tellImported,
      logged,
    )
  } catch (error) {
    const mendable = mendableFiles(error, options)
    if (mendable !== undefined) tellSupervisor({ mendable })
    // the fix may be in a file that an upstream file imports
    tellImported()
    throw error
  }
}

function warn(app: FastifyInstance, text: string): void {
  app.log.warn(text)
  flushLog(app)
}

/**
 * @param built    gets the gateway
 * @param started  called when it listens
 * @param logged   lines that the previous gateway has logged at its start
 */
async function run(
  options: ConfigOptions,
  built: (app: FastifyInstance) => void,
  started: () => void,
  logged: readonly string[] = [],
): Promise<number> {
  const config = await commandConfig(options)
  const delay = milliseconds(config.shutdown.delay)
  const timeout = milliseconds(config.shutdown.timeout)
  // watch before the files are read, so that no change is missed
  tellSupervisor({
    watch: {
      file: findConfigFile(process.cwd(), options.config),
      baseDir: config.baseDir,
      folders: [config.routes, config.openapi],
    },
    stopsWithin: delay + timeout + AFTER_CUT,
  })
  const { buildApp } = await import('../app.ts')
  const app = await buildApp(config)
  built(app)
  let address: string
  try {
    await app.upstreams.discover(FIRST_DISCOVERY)
    app.upstreams.recall(await stateBefore())
    address = await listen(app)
  } catch (error) {
    await app.close()
    const reason = listenFailure(error, config.host, config.port)
    throw reason === undefined ? error : new CommandFailure(reason)
  }
  const ended = [untilStopped(app, { delay, timeout }), untilRetired(app)]
  started()
  tellSupervisor({ ready: true })
  if (isSupervised()) app.apis.onChange = () => tellSupervisor({ changed: true })
  tellStateWhenAsked(() => app.upstreams.remember())
  const notes = [...shadowNotes(app.routeTable), ...(await passedOver(options, config.routes))]
  tellSupervisor({ logged: announce(app, address, notes, logged) })
  releaseIdleMemory()
  const code = await Promise.race(ended)
  await leaveSupervisor()
  return code
}

/** Sources of problems that no file change can fix: command-line options and the environment. */
const FIXED = /^(--|GATEHOUSE_)/

/**
 * The files to watch after a failed start, so that the gateway starts once they are fixed.
 * @returns undefined when a command-line option or the environment must change, or when the failure is not about files
 */
function mendableFiles(error: unknown, options: ConfigOptions): Watched | undefined {
  if (!(error instanceof BootProblems) || error.problems.some(({ file }) => FIXED.test(file))) return undefined
  const file = configFile(options)
  const folders = error instanceof ConfigProblems && error.folders ? [error.folders.routes, error.folders.openapi] : []
  const baseDir = file === undefined ? process.cwd() : dirname(file)
  return existsSync(baseDir) ? { file, baseDir, folders } : undefined
}

function configFile({ config }: ConfigOptions): string | undefined {
  try {
    return findConfigFile(process.cwd(), config)
  } catch {
    // there are several configuration files, and all but one must be removed
    return undefined
  }
}
