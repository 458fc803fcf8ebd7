import { fileURLToPath } from 'node:url'
import type { Config } from '../config/config-schema.ts'
import { loadConfig } from '../config/load-config.ts'
import { onRequest } from './supervision.ts'

/** A folder with a sample of an upstream file. */
const SAMPLES = fileURLToPath(new URL('sample-routes/', import.meta.url))

/**
 * Waits until the supervisor wants this gateway to start. Until then the modules of the gateway are loaded, and a gateway of a
 * sample file is built and thrown away, so that the real one is built with warm code. No file of the user is read: it may change
 * until the start.
 */
export async function standBy (): Promise<void> {
  const started = Promise.withResolvers<void>()
  let isWanted = false
  let engine: readonly string[] = []
  onRequest((message) => {
    if ('engine' in message) engine = message.engine
    if (!('start' in message)) return
    isWanted = true
    started.resolve()
  })
  // the messages that are here already
  await new Promise((resolve) => { setImmediate(resolve) })
  const { buildApp } = await import('../app.ts')
  for (const url of engine) {
    if (isWanted) break
    await import(url)
  }
  await new Promise((resolve) => { setImmediate(resolve) })
  if (!isWanted) {
    const app = await buildApp(await sampleConfig())
    await app.close()
  }
  await started.promise
}

/** A configuration with every default. */
async function sampleConfig (): Promise<Config> {
  const config = await loadConfig({ env: {}, cwd: SAMPLES, overrides: { routes: SAMPLES } })
  return { ...config, log: { ...config.log, level: 'silent' } }
}
