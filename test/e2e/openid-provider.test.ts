import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { AUDIENCE, OpenIdProvider, signingKey } from '../support/openid-provider.ts'

/** A gateway whose API takes the tokens of the provider, and clients that ask it without a pause. */
async function start(t: TestContext, provider: OpenIdProvider) {
  const { url: target } = await startBackend(t)
  const { url } = await startGateway(
    t,
    {
      'orders.json': {
        name: 'orders',
        auth: { jwt: { scopes: ['orders:read'] } },
        targets: [target],
        routes: [{ method: 'GET', url: '/orders' }],
      },
    },
    {
      jwt: {
        issuer: provider.issuer,
        discover: true,
        audience: AUDIENCE,
        cacheSize: 0,
        refreshInterval: '1s',
        refreshCooldown: '10ms',
      },
      failedAttempts: false,
    },
  )
  const ask = async (token: string): Promise<number> =>
    (await fetch(`${url}/orders`, { headers: { authorization: `Bearer ${token}` } })).status

  /**
   * Asks with every token of a list, which may grow, until the work is done, which can wait for answers; tells the
   * statuses by how often they came.
   */
  const underLoad = async (
    tokens: readonly string[],
    work: (answers: (more: number) => Promise<unknown>) => Promise<void>,
  ): Promise<Record<number, number>> => {
    const counts: Record<number, number> = {}
    let all = 0
    const answers = (more: number): Promise<unknown> => {
      const enough = all + more
      return eventually(`${more} more answers`, () => all >= enough)
    }
    const done = new AbortController()
    const clients = Array.from({ length: 4 }, async (_, i) => {
      for (let n = i; !done.signal.aborted; n++) {
        const status = await ask(tokens[n % tokens.length]!)
        counts[status] = (counts[status] ?? 0) + 1
        all++
      }
    })
    await work(answers).finally(() => done.abort())
    await Promise.all(clients)
    return counts
  }
  return { ask, underLoad }
}

test('tokens of a real provider: accepted, through a rotation of keys and an outage, under load', async (t) => {
  const [first, second, third] = ['first', 'second', 'third'].map(signingKey)
  const provider = await OpenIdProvider.start(t, [first!])
  const { ask, underLoad } = await start(t, provider)
  const tokens = [await provider.accessToken()]
  assert.equal(await ask(tokens[0]!), 200)
  assert.equal(await ask(`${tokens[0]!.slice(0, -4)}AAAA`), 401)

  const rotation = await underLoad(tokens, async (answers) => {
    await answers(20)
    await provider.rotate([second!, first!])
    tokens.push(await provider.accessToken())
    await answers(20)
    await provider.rotate([third!, second!, first!])
    tokens.push(await provider.accessToken())
    await answers(20)
  })
  assert.deepEqual(Object.keys(rotation), ['200'], JSON.stringify(rotation))

  const outage = await underLoad(tokens, async (answers) => {
    await provider.stop()
    // longer than the interval at which keys are fetched again
    await new Promise((resolve) => {
      setTimeout(resolve, 1500)
    })
    await provider.start()
    tokens.push(await provider.accessToken())
    await answers(20)
  })
  assert.deepEqual(Object.keys(outage), ['200'], JSON.stringify(outage))
})
