import { fileURLToPath } from 'node:url'
import { loadConfig } from '../config/load-config.ts'
import { onRequest } from './supervision.ts'

/** A sample project with one upstream file and one document. */
const SAMPLE = fileURLToPath(new URL('sample/', import.meta.url))

/**
 * Waits until the supervisor asks this gateway to start. Meanwhile it loads the modules of the gateway, and builds and
 * discards a gateway of a sample project, so that the real one is built with compiled code. It reads no file of the
 * user, because the files may change before the start.
 * @returns log lines that the gateway need not repeat at its start
 */
export async function standBy(): Promise<readonly string[]> {
  const started = Promise.withResolvers<readonly string[]>()
  let isWanted = false
  let engine: readonly string[] = []
  onRequest((message) => {
    if ('engine' in message) engine = message.engine
    if (!('start' in message)) return
    isWanted = true
    started.resolve(message.logged)
  })
  // messages that have arrived already
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  await import('../app.ts')
  for (const url of engine) {
    if (isWanted) break
    // a module that cannot be loaded is reported when the gateway needs it
    await import(url).catch(() => {})
  }
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  if (!isWanted) await buildSample().catch(() => {})
  return started.promise
}

/** Builds a gateway of the sample project, with every default. */
export async function buildSample(): Promise<void> {
  const { buildApp } = await import('../app.ts')
  const config = await loadConfig({ env: {}, cwd: SAMPLE })
  const app = await buildApp({ ...config, log: { ...config.log, level: 'silent' } })
  await app.close()
}
