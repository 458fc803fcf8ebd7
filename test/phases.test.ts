import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fastify, { type FastifyInstance, type onRequestHookHandler, type RouteOptions } from 'fastify'
import { placeHook, preparePhases } from '../src/phases.ts'

/** A bare application with phases, whose hooks note their names. */
function phasedApp(t: TestContext) {
  const app = fastify() as unknown as FastifyInstance
  t.after(() => app.close())
  const ran: string[] = []
  const noting =
    (name: string): onRequestHookHandler =>
    (_request, _reply, done) => {
      ran.push(name)
      done()
    }
  const run = async (url: string): Promise<string[]> => {
    ran.length = 0
    await app.inject(url)
    return [...ran]
  }
  return { app, noting, run, addRequestPhases: preparePhases(app) }
}

test('the order of registration does not matter', async (t) => {
  const { app, noting, run, addRequestPhases } = phasedApp(t)
  for (const name of ['consumerLimits', 'cors', 'authentication', 'addressLimits', 'securityHeaders'] as const) {
    app.routePhase(name, () => noting(name))
  }
  for (const name of ['edge', 'requestId'] as const) app.requestPhase(name, noting(name))
  addRequestPhases()
  app.get('/x', { onRequest: noting('own') }, () => 'x')
  assert.deepEqual(await run('/x'), [
    'requestId',
    'edge',
    'securityHeaders',
    'cors',
    'addressLimits',
    'own',
    'authentication',
    'consumerLimits',
  ])
  assert.deepEqual(await run('/nowhere'), ['requestId', 'edge'])
})

test('a phase of a scope is for its routes and those of scopes below it', async (t) => {
  const { app, noting, run } = phasedApp(t)
  app.routePhase('cors', () => noting('cors'))
  await app.register(async (scope) => {
    scope.routePhase('bodyType', () => noting('bodyType'))
    scope.get('/inside', () => 'x')
    await scope.register(async (child) => {
      child.get('/below', () => 'x')
    })
  })
  app.get('/outside', () => 'x')
  assert.deepEqual(await run('/inside'), ['cors', 'bodyType'])
  assert.deepEqual(await run('/below'), ['cors', 'bodyType'])
  assert.deepEqual(await run('/outside'), ['cors'])
})

test('a hook that comes late is put where its phase belongs', async (t) => {
  const { app, noting, run } = phasedApp(t)
  app.routePhase('authentication', () => noting('authentication'))
  app.routePhase('admission', () => noting('admission'))
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => {
    route.onRequest = [...[route.onRequest ?? []].flat(), noting('appended')]
    routes.push(route)
  })
  app.get('/x', () => 'x')
  placeHook(routes[0]!, 'contractGuard', noting('contractGuard'))
  assert.deepEqual(await run('/x'), ['authentication', 'contractGuard', 'admission', 'appended'])
})

test('a phase of every request that comes too late is refused, not left out', (t) => {
  const { app, noting, addRequestPhases } = phasedApp(t)
  addRequestPhases()
  assert.throws(() => app.requestPhase('edge', noting('edge')), /requestPhase: "edge" comes too late/)
})
