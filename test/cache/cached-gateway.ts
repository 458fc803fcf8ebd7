import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { type AskOptions, type Answer, ask } from '../support/http-client.ts'
import { type Backend, startBackend } from '../support/backend.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'

export interface CachedGateway extends Gateway {
  backend: Backend
  ask(path: string, options?: AskOptions): Promise<Answer>
  /** How often the backend has been asked. */
  asked(): number
}

/** A gateway with one cached upstream; `respond` is told how often it has been asked. */
export async function startCached(
  t: TestContext,
  respond: (request: IncomingMessage, response: ServerResponse, count: number) => void,
  cache: unknown = true,
  more: Record<string, unknown> = {},
  config: Record<string, unknown> = {},
): Promise<CachedGateway> {
  let count = 0
  const backend = await startBackend(t, (request, response) => respond(request, response, ++count))
  const gateway = await startGateway(
    t,
    {
      'a.json': { name: 'a', auth: 'none', targets: [backend.url], retries: false, cache, passThrough: true, ...more },
    },
    config,
  )
  return { ...gateway, backend, ask: (path, options) => ask(gateway.url + path, options), asked: () => count }
}

/** Waits until something holds, checking after each turn of the event loop. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 120_000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never: ${what}`)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}
