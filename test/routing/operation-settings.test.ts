import assert from 'node:assert/strict'
import type { IncomingMessage, RequestListener } from 'node:http'
import { describe, test } from 'node:test'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { SETTINGS, type Setting } from '../../src/routing/operation-settings.ts'
import { apiDocument, startApiGateway } from '../support/api-gateway.ts'
import { startBackend } from '../support/backend.ts'

/** A setting that only the document states, and what shows that it is in force. */
interface Case {
  value: unknown
  config?: ConfigInput
  method?: 'post'
  respond?: RequestListener
  /** Of the answer to the last request. */
  expected: Partial<{ status: number; header: readonly [string, RegExp]; received: number }>
  requests?: number
}

/** Answers the first request with one listener and later ones with another. */
function firstAndLater(first: RequestListener, later: RequestListener): RequestListener {
  let isFirst = true
  return (request, response) => {
    ;(isFirst ? first : later)(request, response)
    isFirst = false
  }
}

const silent: RequestListener = (request: IncomingMessage) => {
  request.resume()
}
const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): RequestListener =>
  (request, response) => {
    request.resume()
    response.writeHead(status, headers).end(body)
  }

const CASES: Record<Setting, Case> = {
  rateLimit: { value: { max: 1, window: '1 hour' }, requests: 2, expected: { status: 429 } },
  cost: { value: 2, config: { rateLimit: { max: 3, window: '1 hour' } }, requests: 2, expected: { status: 429 } },
  cache: { value: { ttl: '1 minute' }, requests: 2, expected: { status: 200, received: 1 } },
  clientCache: {
    value: { privacy: 'no-store', override: true },
    respond: answer(200, { 'cache-control': 'max-age=600' }),
    expected: { header: ['cache-control', /^no-store/] },
  },
  compress: {
    value: true,
    respond: answer(200, { 'content-type': 'text/plain' }, 'a'.repeat(10_000)),
    expected: { header: ['content-encoding', /^gzip$/] },
  },
  timeouts: { value: { firstByte: '50ms' }, respond: silent, expected: { status: 504 } },
  bodyLimit: { value: '1KiB', method: 'post', expected: { status: 413 } },
  retries: {
    value: { on: [503], attempts: 2 },
    respond: firstAndLater(answer(503), answer(200)),
    expected: { status: 200, received: 2 },
  },
  hedging: {
    value: { after: '10ms' },
    respond: firstAndLater(silent, answer(200)),
    expected: { status: 200, received: 2 },
  },
}

const requestBody = { content: { 'application/json': { schema: {} } } }
const fieldOf = (setting: string): string =>
  `x-gatehouse-${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

describe('a setting that only a document states is in force', () => {
  for (const setting of SETTINGS) {
    const { value, config, method = 'get', respond, expected, requests = 1 } = CASES[setting]
    test(fieldOf(setting), async (t) => {
      const operation = {
        ...(method === 'post' ? { requestBody } : {}),
        responses: { default: { description: 'Any.' } },
        [fieldOf(setting)]: value,
      }
      const backend = await startBackend(t, respond)
      // copies go to another target than the first attempt
      const targets = [backend.url, `${backend.url}/second`]
      const { url } = await startApiGateway(t, apiDocument({ '/a': { [method]: operation } }), { targets }, { config })
      const ask = (): Promise<Response> =>
        fetch(
          `${url}/a`,
          method === 'get'
            ? { headers: { 'accept-encoding': 'gzip' } }
            : { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify('a'.repeat(2000)) },
        )
      for (let i = 1; i < requests; i++) await (await ask()).text()
      const last = await ask()
      await last.text()
      if (expected.status !== undefined) assert.equal(last.status, expected.status)
      if (expected.header !== undefined) assert.match(last.headers.get(expected.header[0])!, expected.header[1])
      if (expected.received !== undefined) assert.equal(backend.received.length, expected.received)
    })
  }
})
