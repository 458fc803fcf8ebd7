import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { explain } from '../../src/admin/explain.ts'
import { routeLines } from '../../src/cli/routes-command.ts'
import { BootProblems, type Problem } from '../../src/errors.ts'
import { startBackend } from '../support/backend.ts'
import { captureLog } from '../support/captured-log.ts'
import { JWT_SECRET, routesFolder, startGateway, testConfig } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { askBoth, get, isAlive, startRecorder, UPGRADE } from './wire.ts'

const TARGET = 'http://127.0.0.1:9'
const HOST = 's3.test'
const asIs = (targets: unknown[], more: object = {}) => ({
  name: 'files',
  hosts: [HOST],
  auth: 'none',
  targets,
  passThrough: true,
  paths: 'as-is',
  ...more,
})

/** An upstream with such paths beside one that is guarded, for every host, and one with a host of its own. */
async function start(t: TestContext, more: object = {}) {
  const files = await startRecorder(t)
  const guarded = await startRecorder(t)
  const gateway = await startGateway(
    t,
    {
      'files.json': asIs([files.url], more),
      'guarded.json': {
        name: 'guarded',
        prefix: '/guarded',
        auth: { jwt: {} },
        targets: [guarded.url],
        passThrough: true,
      },
      'other.json': {
        name: 'other',
        hosts: ['other.test'],
        auth: { jwt: {} },
        targets: [guarded.url],
        passThrough: true,
      },
      'hand.mjs':
        "export default async (app) => { app.all('/hand/*', { config: { auth: 'none' } }, (request, reply) => reply.forward('files')); app.all('/wild/*', { config: { auth: 'none' } }, () => 'by hand') }",
    },
    {
      jwt: { secret: JWT_SECRET },
      metrics: { path: '/metrics', auth: 'none' },
      status: { path: '/status', auth: 'none' },
      docs: { path: '/docs' },
    } as never,
  )
  return { ...gateway, files, guarded }
}

const ask = async (port: number, target: string, host = HOST, more = ''): Promise<number> =>
  (await rawRequest(port, get(target, more, '1.1', host))).status

test('no spelling on the host reaches another upstream, a plugin or the gateway itself', async (t) => {
  const { port, files, guarded } = await start(t)
  const spellings = [
    '/guarded/x',
    '//guarded/x',
    '/./guarded/x',
    '/a/../guarded/x',
    '/%67uarded/x',
    '/.host-0/x',
    '/.host-1/x',
    '/.host-as-is-0/../guarded',
    '/.host-as-is-1/',
    '/.host-as-is-0/?x',
    '/hand/x',
    '/wild/x',
    '/.refused',
    '/.preflight/x',
    '/livez',
    '/readyz',
    '//livez',
    '/metrics',
    '/./metrics',
    '/status',
    '/status/explain',
    '/docs',
    '/docs/json',
    '//docs',
    '/x/../docs/',
    '/%64ocs',
    '/docs/static/..%2f..%2f',
    '/?/../guarded/x',
    '/x?y=/guarded/x',
    '/x;/../guarded/x',
  ]
  for (const target of spellings) {
    assert.deepEqual(
      (await askBoth(port, target, '', HOST)).map(({ status }) => status),
      [200, 101],
      target,
    )
    assert.deepEqual(files.targets().splice(0), [`GET ${target}`, `UPGRADE ${target}`])
  }
  assert.deepEqual(guarded.targets(), [])
})

test('every spelling of the host has the same paths, and every other host has the canonical ones', async (t) => {
  const { port, files, guarded } = await start(t)
  for (const host of ['s3.test', 'S3.TEST', 's3.test.', 's3.test:80', 's3.Test.:8443', 's3.test:0']) {
    assert.equal(await ask(port, '//a/../b', host), 200, host)
    assert.deepEqual(files.targets().splice(0), ['GET //a/../b'], host)
  }
  for (const host of [
    '',
    's3.test..',
    's3.test@other.test',
    'other.test@s3.test',
    's3.test/x',
    's3.test,other.test',
    's3 .test',
    's3.test\t.x',
    '[s3.test]',
    's3.test:x',
    's3%2etest',
    's3.test#',
    's3.test\\',
  ]) {
    assert.equal(await ask(port, '//a/../b', host), 400, host)
  }
  for (const host of ['x.s3.test', 's3.tes', 'as3.test', 'other.test', '127.0.0.1']) {
    assert.equal(await ask(port, '/a/../b', host), 400, host)
  }
  assert.equal((await rawRequest(port, `GET //x HTTP/1.1\r\nhost: ${HOST}\r\nhost: other.test\r\n\r\n`)).status, 400)
  assert.equal((await rawRequest(port, 'GET /a/../b HTTP/1.0\r\n\r\n')).status, 400)
  for (const target of [
    '/guarded/x',
    '/guarded/%2e',
    '/.host-as-is-0/x',
    '/.host-as-is-0//',
    '/%2ehost-as-is-0/',
    '//.host-as-is-0/x',
    '/.host-as-is-0',
  ]) {
    assert.ok([400, 401, 404].includes(await ask(port, target, 'x')), target)
  }
  assert.deepEqual([...files.targets(), ...guarded.targets()], [])
})

test('a target that is no path, or names another host, is refused', async (t) => {
  const { port, files } = await start(t)
  for (const target of [
    'http://other.test/x',
    'http://other.test//s3.test/x',
    'http://s3.test.evil/x',
    'http://s3.test@evil/x',
    'http://s3.test:1@evil/',
    'https://other.test',
    '*',
    'x',
    's3.test:443',
    's3.test',
    './x',
    '?x',
    '\\x',
    'ftp://s3.test/x',
    'http:/x',
    'http:///x',
    '://x',
  ]) {
    assert.equal(await ask(port, target), 400, target)
    assert.equal(await ask(port, target, HOST, UPGRADE), 400, target)
  }
  assert.ok((await rawRequest(port, `CONNECT s3.test:443 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)).status >= 400)
  assert.ok([404, 405].includes((await rawRequest(port, `TRACE //x HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)).status))
  assert.deepEqual(files.targets(), [])
  for (const [target, arrived] of [
    [`http://${HOST}//x/../y?`, '//x/../y?'],
    ['HTTP://S3.test/%zz', '/%zz'],
    [`http://${HOST}`, '/'],
    [`http://${HOST}?x`, '/?x'],
  ] as const) {
    assert.equal(await ask(port, target), 200, target)
    assert.deepEqual(files.targets().splice(0), [`GET ${arrived}`])
  }
  const whole = await rawRequest(port, `OPTIONS * HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)
  assert.equal(whole.status, 204)
  assert.deepEqual(files.targets(), [])
})

test('control characters, spaces, fragments and backslashes stay refused', async (t) => {
  const { port, files } = await start(t)
  for (const character of ['\0', '\x01', '\t', '\x0b', '\x1f', '\x7f', ' ', '#', '\\']) {
    for (const target of [
      `/${character}b`,
      `/a${character}b`,
      `//a/..${character};`,
      ...(character === '\\' ? [] : [`/a?b${character}c`]),
    ]) {
      const { status } = await rawRequest(port, get(target, '', '1.1', HOST))
      assert.ok(status === 400 || status === 505, `${JSON.stringify(target)}: ${status}`)
    }
  }
  assert.ok((await rawRequest(port, get(`/${'x'.repeat(70_000)}`, '', '1.1', HOST))).status >= 400)
  assert.deepEqual(files.targets(), [])
  assert.ok(await isAlive(port))
})

test('its authentication and limits hold for every spelling', async (t) => {
  const { port, files } = await start(t, { auth: { jwt: {} }, rateLimit: { max: 5, window: '1 hour', by: 'route' } })
  for (const target of [
    '/',
    '//',
    '/../',
    '/%zz',
    '/a;b',
    '/.refused',
    '/livez',
    '/x%0a',
    '/%2e%2e/%2e%2e/',
    '*'.padStart(2, '/'),
  ]) {
    const both = await askBoth(port, target, '', HOST)
    for (const { status } of both) assert.equal(status, 401, target)
  }
  assert.deepEqual(files.targets(), [])
  const limited = await startGateway(t, {
    'files.json': asIs([files.url], { rateLimit: { max: 3, window: '1 hour' } }),
  })
  const statuses: number[] = []
  for (const target of ['/', '//', '/a/../b', '/%zz', '/.host-0/', '/livez']) {
    statuses.push(await ask(limited.port, target))
  }
  assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429])
})

test('the key of a stored response is the path to the byte, and no other host has a share in it', async (t) => {
  const backend = await startBackend(t, (request, response) =>
    response.setHeader('cache-control', 'max-age=3600').end(`${request.headers['x-forwarded-host']} ${request.url}`),
  )
  const upstream = (name: string, more: object) => ({
    [`${name}.json`]: {
      name,
      hosts: [`${name}.test`],
      auth: 'none',
      targets: [backend.url],
      passThrough: true,
      cache: true,
      ...more,
    },
  })
  const { port } = await startGateway(
    t,
    { ...upstream('files', { paths: 'as-is' }), ...upstream('plain', {}) },
    { trustProxy: ['127.0.0.1'] },
  )
  const body = async (target: string, host: string, more = ''): Promise<string> =>
    (await rawRequest(port, get(target, more, '1.1', host))).body
  const spellings = [
    '/a/b',
    '/a//b',
    '//a/b',
    '/a/./b',
    '/a/x/../b',
    '/a/%62',
    '/a/b/',
    '/a/b?',
    '/a/b;x',
    '/a%2fb',
    '/a%2Fb',
  ]
  for (let round = 0; round < 2; round++) {
    for (const target of spellings) assert.equal(await body(target, 'files.test'), `files.test ${target}`)
  }
  assert.equal(backend.received.length, spellings.length, 'each is stored once')
  assert.equal(await body('/a/b', 'plain.test'), 'plain.test /a/b')
  assert.equal(await body('//a//b', 'plain.test'), 'plain.test /a/b')
  // what a trusted proxy says about the host changes nothing about whose response it is
  const said = 'x-forwarded-host: plain.test\r\n'
  await body('/shared', 'files.test', said)
  const before = backend.received.length
  await body('/shared', 'plain.test', said)
  assert.equal(backend.received.length, before + 1)
  // a change purges the very URL that it was made at
  const change = async (target: string): Promise<void> => {
    await rawRequest(port, `PUT ${target} HTTP/1.1\r\nhost: files.test\r\ncontent-length: 0\r\n\r\n`)
  }
  const isStored = async (target: string): Promise<boolean> => {
    const { length } = backend.received
    await body(target, 'files.test')
    return backend.received.length === length
  }
  await change('/a//b')
  assert.deepEqual([await isStored('/a/b'), await isStored('/a//b'), await isStored('//a/b')], [true, false, true])
})

test('what comes in a path writes no lines into the log, and no header', async (t) => {
  const files = await startBackend(t)
  const { port, app } = await startGateway(
    t,
    { 'files.json': asIs([files.url]) },
    { log: { level: 'info', access: true } },
  )
  const log = captureLog(t, app)
  await ask(port, '/x%0d%0a{"level":60}%1b%5b31m')
  const line = await log.next('request')
  assert.equal(log.lines.filter(({ msg }) => msg === 'request').length, 1)
  assert.equal(line.route, '/*')
  assert.equal(line.upstream, 'files')
  assert.equal(files.received[0]!.headers.level, undefined)
  const { headers } = files.received[0]!
  for (const value of Object.values(headers)) assert.doesNotMatch(String(value), /host-as-is/)
})

const REFUSED: [string, Record<string, unknown>, field: string, message: RegExp][] = [
  ['no hosts', { 'a.json': { ...asIs([TARGET]), hosts: undefined } }, 'paths', /hosts/],
  ['a prefix', { 'a.json': asIs([TARGET], { prefix: '/files' }) }, 'prefix', /"\/files"/],
  ['stripPrefix', { 'a.json': asIs([TARGET], { stripPrefix: true }) }, 'stripPrefix', /as-is/],
  ['routes', { 'a.json': asIs([TARGET], { routes: [{ method: 'GET', url: '/x' }] }) }, 'routes', /as-is/],
  ['a document', { 'a.json': asIs([TARGET], { openapi: 'x.yaml' }) }, 'openapi', /as-is/],
  ['a mock', { 'a.json': asIs([TARGET], { mock: true }) }, 'mock', /as-is/],
  ['no pass-through', { 'a.json': asIs([TARGET], { passThrough: undefined }) }, 'passThrough', /true/],
  ['a target with a path', { 'a.json': asIs([`${TARGET}/base`]) }, 'targets[0]', /without a path/],
  [
    'a shadow with a path',
    { 'a.json': asIs([TARGET], { mirror: { targets: [`${TARGET}/base`] } }) },
    'mirror.targets[0]',
    /without a path/,
  ],
  [
    'a listed target with a path',
    { 'a.json': asIs([{ file: 'targets.data' }]), 'targets.data': [`${TARGET}/base`] },
    '[0]',
    /without a path/,
  ],
  [
    'the same host elsewhere',
    {
      'a.json': asIs([TARGET]),
      'b.json': {
        name: 'b',
        hosts: ['x.test', HOST],
        prefix: '/b',
        auth: 'none',
        targets: [TARGET],
        passThrough: true,
      },
    },
    'hosts',
    /s3\.test.*a\.json|a\.json.*s3\.test/,
  ],
  [
    'a wildcard over its host',
    {
      'a.json': asIs([TARGET]),
      'b.json': { name: 'b', hosts: ['*.test'], prefix: '/b', auth: 'none', targets: [TARGET], passThrough: true },
    },
    'hosts',
    /a\.json/,
  ],
  [
    'its host under a wildcard',
    {
      'a.json': { name: 'a', hosts: ['x.test'], prefix: '/b', auth: 'none', targets: [TARGET], passThrough: true },
      'b.json': asIs([TARGET], { hosts: ['*.test'] }),
    },
    'hosts',
    /a\.json/,
  ],
  ['two of them', { 'a.json': asIs([TARGET]), 'b.json': asIs([TARGET], { name: 'b' }) }, 'hosts', /a\.json/],
  [
    'one of a plugin',
    {
      'a.json': asIs([TARGET]),
      'b.mjs': `export default async (app) => { await app.declareUpstream({ name: 'b', hosts: ['${HOST}'], prefix: '/b', auth: 'none', targets: ['${TARGET}'], passThrough: true }) }`,
    },
    'hosts',
    /a\.json/,
  ],
]

test('does not boot: a login whose callback the service would get', async (t) => {
  const login = {
    issuer: 'http://127.0.0.1:9',
    clientId: 'gate',
    clientSecret: 'secret',
    sessionSecret: 'x'.repeat(32),
  }
  const problemsWith = async (more: object): Promise<string> => {
    const folder = await routesFolder(t, { 'a.json': asIs([TARGET], { auth: { login: {} } }) })
    return buildApp(testConfig(folder, { login: { ...login, ...more } } as never)).then(
      (app) => app.close().then(() => ''),
      (error: unknown) =>
        (error as BootProblems).problems.map((problem) => `${problem.field}: ${problem.message}`).join(),
    )
  }
  assert.match(await problemsWith({}), /auth: .*login\.publicUrl/)
  assert.match(await problemsWith({ publicUrl: `https://${HOST}` }), /login\.publicUrl/)
  assert.doesNotMatch(await problemsWith({ publicUrl: 'https://login.test', cookie: { domain: 'test' } }), /as-is/)
})

test('the service of forwardAuth gets the path as it came', async (t) => {
  const files = await startRecorder(t)
  const service = await startBackend(t, (_request, response) => response.writeHead(200, { 'remote-user': 'ada' }).end())
  const { port } = await startGateway(t, { 'files.json': asIs([files.url], { auth: { forwardAuth: {} } }) }, {
    forwardAuth: { url: `${service.url}/verify` },
  } as never)
  assert.equal(await ask(port, '//a/../b;c/%zz?x'), 200)
  assert.equal(service.received[0]!.headers['x-forwarded-uri'], '//a/../b;c/%zz?x')
  assert.equal(service.received[0]!.url, '/verify')
})

for (const [what, files, field, message] of REFUSED) {
  test(`does not boot: ${what}`, async (t) => {
    const folder = await routesFolder(t, files)
    const problems = await buildApp(testConfig(folder)).then(
      (app) => app.close().then(() => []),
      (error: unknown) => {
        assert.ok(error instanceof BootProblems, String(error))
        return error.problems as Problem[]
      },
    )
    assert.ok(
      problems.some((problem) => problem.field.startsWith(field) && message.test(problem.message)),
      JSON.stringify(problems),
    )
  })
}

test('explain and the table of routes show such an upstream as it is', async (t) => {
  const { app } = await start(t)
  const lines = await explain(app, { method: 'GET', url: `http://${HOST}//a/../b;c/%zz?x`, headers: {} })
  const text = lines.join('\n')
  assert.match(text, /^edge +path is forwarded as it came/m)
  assert.match(text, /^route +GET s3\.test\/\* of files/m)
  assert.match(text, /^forward +to files: \/\/a\/\.\.\/b;c\/%zz\?x$/m)
  assert.match(lines.at(-1)!, /^→ forwarded to files/)
  const refused = (await explain(app, { method: 'GET', url: `http://${HOST}/a\\b`, headers: {} })).join('\n')
  assert.match(refused, /400 GW_BAD_PATH/)
  assert.doesNotMatch(refused, /as-is/)
  assert.match(
    (await explain(app, { method: 'GET', url: 'http://other.test/a;b', headers: {} })).join('\n'),
    /400 GW_BAD_PATH[^]*paths: 'as-is'/,
  )
  const rows = [...app.routeTable].filter(({ upstream }) => upstream === 'files')
  assert.deepEqual([...new Set(rows.map(({ path, hosts }) => `${hosts.join()}${path}`))], ['s3.test/*'])
  assert.match(routeLines(rows).at(-1)!, /^\* +s3\.test +\/\* \[websocket\] \[as-is\] /)
})

test('a preflight and a Max-Forwards are answered for such a path', async (t) => {
  const { port, files } = await start(t, { cors: { origins: ['https://app.test'] } })
  const preflight = await rawRequest(
    port,
    `OPTIONS //a/../%zz HTTP/1.1\r\nhost: ${HOST}\r\norigin: https://app.test\r\naccess-control-request-method: PUT\r\n\r\n`,
  )
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [204, 'https://app.test'])
  const last = await rawRequest(port, `OPTIONS //a/../%zz HTTP/1.1\r\nhost: ${HOST}\r\nmax-forwards: 0\r\n\r\n`)
  assert.equal(last.status, 204)
  assert.match(last.headers.allow!, /PROPFIND/)
  assert.deepEqual(files.targets(), [])
})

test('a plugin reaches the targets of such an upstream by canonical paths only', async (t) => {
  const { port, files } = await start(t)
  assert.equal(await ask(port, '/hand/../x', 'x'), 400)
  assert.equal(await ask(port, '/hand//x', 'x'), 200)
  assert.deepEqual(files.targets(), ['GET /hand/x'])
})
