import assert from 'node:assert/strict'
import { connect, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import { JWT_SECRET } from '../../support/gateway.ts'
import { publicPem, rsaPss, privatePem, settings } from '../../auth/jwt/key-pairs.ts'
import { stageApp } from './stage-app.ts'

const bearer = (scopes: string[] = []): string =>
  `Bearer ${signToken(settings({ secret: JWT_SECRET }), { sub: 'ada', scopes })}`

test('the hook is synchronous, and sets the consumer', async (t) => {
  const app = await stageApp(t)
  const hook = app.authenticator({ jwt: { scopes: ['a:read'] } })!
  assert.equal(app.authenticator('none'), null)
  const headers = { authorization: bearer(['a:read']) }
  const request = {
    headers,
    ip: '127.0.0.1',
    raw: { headers, rawHeaders: Object.entries(headers).flat() },
    consumer: null as { id: string } | null,
  }
  for (const round of ['verified', 'remembered']) {
    request.consumer = null
    const told: unknown[] = []
    const returned: unknown = hook.call(app, request as never, {} as never, (error?: Error) => told.push(error))
    assert.deepEqual([returned, told], [undefined, [undefined]], round)
    assert.equal(request.consumer!.id, 'ada')
  }
})

test('a route pays for authentication only when it asks for it', async (t) => {
  const app = await stageApp(t)
  const hooks = new Map<string, unknown>()
  app.addHook('onRoute', (route) => {
    hooks.set(route.url, route.onRequest)
  })
  app.get('/open', { config: { auth: 'none' } }, () => 'x')
  app.get('/own', () => 'x')
  app.get('/closed', { config: { auth: { jwt: {} } }, onRequest: [async () => {}] }, () => 'x')
  assert.equal(hooks.get('/open'), undefined)
  assert.equal(hooks.get('/own'), undefined)
  assert.equal((hooks.get('/closed') as unknown[]).length, 2, 'after the hooks that are there')
})

test('what is no declaration stops the boot, and never means open', async (t) => {
  const app = await stageApp(t)
  for (const auth of [
    '',
    null,
    false,
    0,
    'None',
    'jwt',
    [],
    {},
    { jwt: true },
    { jwt: { scopes: 'admin' } },
    { jwt: { scope: ['admin'] } },
    ['none'],
    [{ jwt: {} }, 'none'],
  ]) {
    assert.throws(
      () => app.get('/x', { config: { auth: auth as never } }, () => 'x'),
      (error: Error) => {
        assert.equal(error.name, 'BootProblems')
        assert.match(error.message, /^\/x: auth/, JSON.stringify(auth))
        return true
      },
    )
  }
})

test('a route that needs tokens names itself when there is no key', async (t) => {
  const app = await stageApp(t, { config: { jwt: undefined } })
  app.get('/open', { config: { auth: 'none' } }, () => 'x')
  assert.throws(
    () => app.get('/x', { config: { auth: { jwt: {} } } }, () => 'x'),
    /^BootProblems: \/x: auth: asks for jwt, which is not configured: set GATEHOUSE_JWT_SECRET/,
  )
  assert.throws(() => app.get('/y', { config: { auth: { jwt: {} }, upstream: 'orders' } }, () => 'x'), /orders: auth: /)
})

test('a route that is protected after the stage has looked stops the boot instead of being open', async (t) => {
  const app = await stageApp(t)
  app.addHook('onRoute', (route) => {
    ;(route.config ??= {}).auth ??= { jwt: {} }
  })
  app.get('/late', () => 'x')
  await assert.rejects(async () => app.ready(), /^BootProblems: \/late: auth: is stated too late/)
})

test('two Authorization headers are refused over the wire', async (t) => {
  const app = await stageApp(t)
  app.get('/x', { config: { auth: { jwt: {} } } }, () => 'x')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const statuses: string[] = []
  for (const second of ['', 'Authorization: Bearer a.b.c\r\n', 'authorization: Basic x\r\n']) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${bearer()}\r\n${second}\r\n`)
    statuses.push(String(Buffer.concat(await socket.toArray())).slice(9, 12))
  }
  assert.deepEqual(statuses, ['200', '401', '401'])
})

test('an RSA-PSS key works from the configuration to the answer', async (t) => {
  const keys = settings({ publicKey: publicPem(rsaPss), privateKey: privatePem(rsaPss) })
  const app = await stageApp(t, { config: { jwt: keys } })
  app.get('/x', { config: { auth: { jwt: {} } } }, (request) => request.consumer!.id)
  const response = await app.inject({
    url: '/x',
    headers: { authorization: `Bearer ${signToken(keys, { sub: 'ada' })}` },
  })
  assert.deepEqual([response.statusCode, response.body], [200, 'ada'])
  assert.equal((await app.inject({ url: '/x', headers: { authorization: bearer() } })).statusCode, 401)
})
