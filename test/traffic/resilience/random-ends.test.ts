import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { startRawBackend } from '../../support/backend.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { allOver, upstream, upstreamOf } from './exchange.ts'

const REQUESTS = Number(process.env.RANDOM_ENDS ?? 400)

/** The same numbers each time, so that a failure can be seen again. */
function numbers(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
}

test('clients and upstreams that break off at random moments leave nothing behind', { timeout: 180_000 }, async (t) => {
  const next = numbers(11)
  const answer = (socket: import('node:net').Socket): void => {
    const kind = next(8)
    if (kind === 0) socket.destroy()
    else if (kind === 1) {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc', () =>
        setTimeout(() => socket.destroy(), next(8)),
      )
    } else if (kind === 2) socket.write('HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy')
    else if (kind === 3) socket.write('HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbu')
    else if (kind === 4) {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', () =>
        setTimeout(() => socket.write('0\r\n\r\n'), next(8)),
      )
    } else if (kind !== 5) {
      setTimeout(() => {
        if (!socket.destroyed) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      }, next(8))
    }
    // the sixth kind never answers
  }
  const backends = await Promise.all(
    [1, 2, 3].map(() =>
      startRawBackend(t, (socket) => {
        socket.on('data', () => answer(socket))
      }),
    ),
  )
  const gateway = await startGateway(
    t,
    upstream(
      backends.map(({ url }) => url),
      {
        timeouts: { total: '120ms' },
        retries: {
          attempts: 3,
          on: ['connect', 'reset', 'timeout', '5xx'],
          perTryTimeout: '40ms',
          backoff: { base: '4ms' },
          budget: { percent: 100 },
        },
        hedging: { after: '5ms', max: 2 },
        circuitBreaker: { failures: 5, open: '10ms', maxOpen: '20ms' },
        concurrency: { max: 100 },
        fallback: { on: [503], body: 'fallback' },
      },
    ),
  )
  let begun = 0
  const worker = async (): Promise<void> => {
    while (begun++ < REQUESTS) {
      await new Promise<void>((resolve) => {
        const request = httpRequest({
          port: gateway.port,
          path: '/a/x',
          method: next(3) === 0 ? 'DELETE' : 'GET',
          agent: false,
        })
        request.on('response', (response) => {
          response.on('error', () => {})
          response.resume()
        })
        request.on('error', () => {})
        request.on('close', resolve)
        if (next(2) === 0) setTimeout(() => request.destroy(), next(60))
        request.end()
      })
    }
  }
  await Promise.all(Array.from({ length: 20 }, worker))
  const { concurrency, targets } = upstreamOf(gateway)
  await eventually('all places free', () => concurrency!.inFlight === 0)
  await allOver(gateway)
  assert.deepEqual(
    targets.map(({ inFlight }) => inFlight),
    [0, 0, 0],
  )
  assert.equal((await gateway.app.inject('/livez')).statusCode, 200)
})
