import { findConfigFile } from '../config/config-file.ts'
import { ignoreHangup, NO_RELOAD, NO_RELOAD_NEEDED } from '../listener/hangup-signal.ts'
import { announce, FIRST_DISCOVERY, flushLog, listen, listenFailure } from '../listener/process-listen.ts'
import { untilStopped } from '../listener/process-signals.ts'
import { milliseconds } from '../units.ts'
import { shadowNotes } from '../upstream/shadowed-paths.ts'
import { commandConfig, type ConfigOptions } from './command-config.ts'
import { CommandFailure } from './failure.ts'
import { isSupervised, leaveSupervisor, stateBefore, tellStateWhenAsked, tellSupervisor } from './supervision.ts'

/** `gatehouse start`: runs the gateway until it is told to stop. Resolves to the exit code. */
export async function start (options: ConfigOptions): Promise<number> {
  const hangup = isSupervised() ? NO_RELOAD_NEEDED : NO_RELOAD
  let say = (): void => { process.stderr.write(`gatehouse: ${hangup}\n`) }
  ignoreHangup(() => say())
  const config = await commandConfig(options)
  // before the files are read, so that no change of theirs is missed
  tellSupervisor({ watch: { file: findConfigFile(process.cwd(), options.config), baseDir: config.baseDir, folders: [config.routes, config.openapi] } })
  const { buildApp } = await import('../app.ts')
  const app = await buildApp(config)
  say = () => {
    app.log.warn(hangup)
    flushLog(app)
  }
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
  const { delay, timeout } = config.shutdown
  const stopped = untilStopped(app, { delay: milliseconds(delay), timeout: milliseconds(timeout) })
  tellSupervisor({ ready: true })
  if (isSupervised()) app.apis.onChange = () => tellSupervisor({ changed: true })
  tellStateWhenAsked(() => app.upstreams.remember())
  for (const note of shadowNotes(app.routeTable)) app.log.warn(note)
  announce(app, address)
  const code = await stopped
  await leaveSupervisor()
  return code
}
