import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../src/cli/failure.ts'
import type { Config } from '../src/config/config-schema.ts'
import { releaseIdleMemory } from '../src/listener/idle-memory.ts'
import { listenFailure } from '../src/listener/process-listen.ts'

/** The gateway of the demo, in this process or in one of its own. */
export interface RunningGateway {
  url: string
  /** Resolves to whether requests are answered; false when it has ended before. */
  ready: Promise<boolean>
  /** Exit code, when it ends by itself. Never resolves for a gateway in this process. */
  ended: Promise<number>
  /** Lets the log through, which is held back until the welcome has been printed. */
  showLog(): void
  close(): Promise<void>
}

/** @throws CommandFailure when the port is taken */
export async function startGateway(config: Config): Promise<RunningGateway> {
  // a watched gateway runs in a process of its own, and this one needs none of it
  const { buildApp } = await import('../src/app.ts')
  const app = await buildApp(config)
  const { level } = app.log
  app.log.level = 'warn'
  try {
    const url = await app.listen({ host: config.host, port: config.port })
    releaseIdleMemory()
    return {
      url,
      ready: Promise.resolve(true),
      ended: new Promise(() => {}),
      showLog: () => {
        app.log.level = level
      },
      close: () => app.close(),
    }
  } catch (error) {
    await app.close()
    throw readable(error, config)
  }
}

/**
 * Runs `gatehouse start --watch`, which takes changed files over at once.
 * @param port  one that is free
 */
export function startWatchedGateway({ host, baseDir }: Config, port: number): RunningGateway {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  const command = fileURLToPath(new URL('../bin/gatehouse.js', import.meta.url))
  const child = spawn(process.execPath, [command, 'start', '--watch', '--port', String(port)], {
    cwd: baseDir,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  // whatever ends this process, the gateway ends with it
  process.once('exit', () => {
    child.kill('SIGKILL')
  })
  const ended = once(child, 'exit').then(([code]) => (code as number | null) ?? 1)
  return {
    url,
    ready: Promise.race([once(child, 'message').then(() => true), ended.then(() => false)]),
    ended,
    showLog() {},
    async close() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/**
 * The configured port, when it is free; 0 becomes a port that the system chooses.
 * @throws CommandFailure when the port is taken
 */
export async function freePort({ host, port }: Config): Promise<number> {
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  } catch (error) {
    throw readable(error, { host, port })
  } finally {
    server.close()
  }
}

function readable(error: unknown, { host, port }: Pick<Config, 'host' | 'port'>): unknown {
  const reason = listenFailure(error, host, port)
  return reason === undefined ? error : new CommandFailure(reason)
}
