import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { ask } from '../support/http-client.ts'
import { type Backend, startBackend, startRawBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, UPGRADE } from '../security/wire.ts'

type Field = string | string[] | undefined

interface Speaking {
  backend: Backend
  port: number
  /** Has the backend answer with a field, `{self}` being its own address. @returns what the client gets */
  answer(name: string, value: string | string[], headers?: Record<string, string>): Promise<Field>
}

/** A gateway before a backend that answers with the header field that a test wants. */
async function startSpeaking(
  t: TestContext,
  upstream: object = {},
  { base = '', config = {} as ConfigInput, name = '127.0.0.1' } = {},
): Promise<Speaking> {
  let field: [name: string, value: string | string[]] = ['x', 'x']
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response.setHeader(...field).end()
  })
  const own = backend.url.replace('127.0.0.1', name)
  const { port, url } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        prefix: '/a',
        auth: 'none',
        targets: [own + base],
        routes: [{ method: 'GET', url: '/*' }],
        ...upstream,
      },
    },
    config,
  )
  return {
    backend,
    port,
    async answer(fieldName, value, headers = {}) {
      const filled = [value]
        .flat()
        .map((text) => text.replaceAll('{self}', own).replaceAll('{port}', String(backend.port)))
      field = [fieldName, Array.isArray(value) ? filled : filled[0]!]
      const answer = await ask(`${url}/a/x`, { headers: { host: 'api.public.test', ...headers } })
      assert.equal(answer.status, 200)
      const found = answer.headers[fieldName]
      return Array.isArray(found) && !Array.isArray(value) ? found[0] : found
    },
  }
}

test('every spelling of this machine with the port of the target is the target', async (t) => {
  for (const name of ['127.0.0.1', 'localhost']) {
    const {
      answer,
      backend: { port },
    } = await startSpeaking(t, {}, { name })
    for (const host of [
      'localhost',
      'LocalHost',
      '127.0.0.1',
      '127.1',
      '127.0.0.53',
      '0x7f000001',
      '[::1]',
      '[0:0:0:0:0:0:0:1]',
      '[::ffff:127.0.0.1]',
      '0.0.0.0',
      '[::]',
      'localhost.',
    ]) {
      assert.equal(await answer('location', `http://${host}:${port}/a/5?x#y`), '/a/5?x#y', host)
      assert.equal(await answer('content-location', `//${host}:${port}/a/5`), '/a/5', host)
    }
    for (const elsewhere of [
      `http://localhost:${port + 1}/a`,
      'http://localhost/a',
      `http://localhost.evil.test:${port}/a`,
      `http://xlocalhost:${port}/a`,
      `http://127.0.0.1.nip.io:${port}/a`,
      `http://localhost:${port}@evil.test/a`,
      `http://128.0.0.1:${port}/a`,
      `http://[::2]:${port}/a`,
      `ftp://localhost:${port}/a`,
      'http://',
      'http://[',
      '//',
      'mailto:a@localhost',
    ]) {
      assert.equal(await answer('location', elsewhere), elsewhere)
    }
  }
})

test('no path of a target becomes an address elsewhere', async (t) => {
  const { answer } = await startSpeaking(t, { prefix: '/' })
  for (const path of [
    '//evil.test/x',
    '///evil.test/x',
    '/\\evil.test/x',
    '/\t/evil.test/x',
    '\\evil.test/x',
    '\\\\evil.test/x',
  ]) {
    assert.equal(await answer('location', `{self}${path}`), path.startsWith('\\') ? '/x' : '/evil.test/x', path)
  }
  const based = await startSpeaking(t, { prefix: '/' }, { base: '/base' })
  assert.equal(await based.answer('location', '{self}/base//evil.test/x'), '/evil.test/x')
  assert.equal(await based.answer('location', '{self}/base?x=1'), '/?x=1')
  assert.equal(await based.answer('location', '/base//evil.test/x'), '/evil.test/x')
})

test('a base path of the target is no part of public paths', async (t) => {
  const { answer } = await startSpeaking(t, { stripPrefix: true }, { base: '/base' })
  for (const [given, expected] of [
    ['/base/5', '/a/5'],
    ['{self}/base/5', '/a/5'],
    ['/base', '/a/'],
    ['/basement', '/a/basement'],
    ['/a/5', '/a/5'],
  ]) {
    assert.equal(await answer('location', given!), expected, given!)
  }
  assert.equal(await answer('set-cookie', 'id=1; Path=/base'), 'id=1; Path=/a')
})

test('Link: each address of the target is rewritten, and nothing else', async (t) => {
  const { answer } = await startSpeaking(t, { stripPrefix: true })
  const rows: [given: string, expected: string][] = [
    ['<{self}/items?page=2>; rel="next"', '</a/items?page=2>; rel="next"'],
    [
      '</items?page=2>; rel=next, <{self}/items?page=9>; rel="last"',
      '</a/items?page=2>; rel=next, </a/items?page=9>; rel="last"',
    ],
    ['<?page=2>; rel=next', '<?page=2>; rel=next'],
    ['<https://elsewhere.test/x>; rel="next"', '<https://elsewhere.test/x>; rel="next"'],
    // a parameter is no address, whatever it looks like; the anchor is one (RFC 8288, section 3.2)
    [
      '<{self}/x>; title="a, <{self}/y>; \\" <{self}/z>"; rel=x',
      '</a/x>; title="a, <{self}/y>; \\" <{self}/z>"; rel=x',
    ],
    ['<{self}/x>; anchor="{self}/y"; rel=x', '</a/x>; anchor="/a/y"; rel=x'],
    ['<{self}/x>; ANCHOR = "#top"; rel="{self}/relation"', '</a/x>; ANCHOR = "#top"; rel="{self}/relation"'],
    [', ,<{self}/x>;rel=x,,<{self}/y>,', ', ,</a/x>;rel=x,,</a/y>,'],
    ['<{self}/x>;rel=x;a;b=c;', '</a/x>;rel=x;a;b=c;'],
    ['<{self}/,;">;rel=x', '</a/,;">;rel=x'],
    // what is no list of links stays from where it is none
    ['<{self}/x>; rel=x, {self}/y', '</a/x>; rel=x, {self}/y'],
    ['<{self}/x', '<{self}/x'],
    ['<{self}/x>; title="<{self}/y>', '</a/x>; title="<{self}/y>'],
    ['{self}/x', '{self}/x'],
  ]
  for (const [given, expected] of rows) {
    const own = (await answer('x-own', '{self}')) as string
    assert.equal(await answer('link', given), expected.replaceAll('{self}', own), given)
  }
  assert.equal(await answer('link', ['<{self}/1>; rel=a', '<{self}/2>; rel=b']), '</a/1>; rel=a, </a/2>; rel=b')
})

test('Refresh', async (t) => {
  const { answer } = await startSpeaking(t, { stripPrefix: true })
  for (const [given, expected] of [
    ['5; url={self}/next', '5; url=/a/next'],
    ['0;URL="{self}/next"', '0;URL="/a/next"'],
    ["0; url = '{self}/next' ", "0; url = '/a/next' "],
    ['0, {self}/next', '0, /a/next'],
    ['3;/next', '3;/a/next'],
    ['1.5 url=/next', '1.5 url=/a/next'],
    ['5', '5'],
    ['5;', '5;'],
    ['5; url=', '5; url='],
    ['5; url=https://elsewhere.test/', '5; url=https://elsewhere.test/'],
    ['5; url=next', '5; url=next'],
    ['x', 'x'],
    ['0; url="{self}/n"b', '0; url="/a/n"b'],
  ]) {
    // Node's client trims what a field ends in
    assert.equal(await answer('refresh', given!), expected!.trimEnd(), given!)
  }
})

test('cookies: the domain of the target is left out, and a stripped prefix is part of the path', async (t) => {
  const { answer } = await startSpeaking(t, { stripPrefix: true }, { name: 'localhost' })
  for (const [given, expected] of [
    ['id=1; Domain=localhost; HttpOnly', 'id=1; HttpOnly'],
    ['id=1;domain=.LOCALHOST', 'id=1'],
    ['id=1; Domain=127.0.0.1', 'id=1'],
    ['id=1; Domain=public.test', 'id=1; Domain=public.test'],
    ['id=1; Domain=elsewhere.test', 'id=1; Domain=elsewhere.test'],
    ['id=1; Domain=; Secure', 'id=1; Domain=; Secure'],
    ['id=domain=localhost; Secure', 'id=domain=localhost; Secure'],
    ['domain=localhost', 'domain=localhost'],
    ['id=1; Path=/; Secure', 'id=1; Path=/a; Secure'],
    ['id=1;path=/x/', 'id=1;path=/a/x/'],
    ['id=1; Path=/a/x', 'id=1; Path=/a/x'],
    ['id=1; Path=/ab', 'id=1; Path=/a/ab'],
    ['id=1; Path', 'id=1; Path'],
    ['id=1; Path=x', 'id=1; Path=x'],
    ['path=/', 'path=/'],
    // browsers take such a cookie for the whole host alone (RFC 6265bis, section 4.1.3.2)
    ['__Host-id=1; Path=/; Secure', '__Host-id=1; Path=/; Secure'],
  ]) {
    assert.equal(await answer('set-cookie', given!), expected, given!)
  }
  assert.deepEqual(await answer('set-cookie', ['a=1; Domain=localhost', 'b=2', 'c=3; Path=/']), [
    'a=1',
    'b=2',
    'c=3; Path=/a',
  ])
  const plain = await startSpeaking(t)
  assert.equal(await plain.answer('set-cookie', 'id=1; Path=/'), 'id=1; Path=/')
})

test('a domain that the public host shares with the target is for clients', async (t) => {
  // the name is never looked up, since the target is stated with its address as well
  const backend = await startBackend(t, (_request, response) => {
    response.setHeader('set-cookie', 'id=1; Domain=example.test').end()
  })
  const socket = { url: backend.url }
  const { url } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [socket, { url: 'http://orders.example.test:4001', priority: 1 }],
      routes: [{ method: 'GET', url: '/*' }],
    },
  })
  const cookie = async (host: string): Promise<Field> =>
    (await ask(`${url}/x`, { headers: { host } })).headers['set-cookie']
  assert.deepEqual(await cookie('shop.example.test'), ['id=1; Domain=example.test'])
  assert.deepEqual(await cookie('example.test:8443'), ['id=1; Domain=example.test'])
  assert.deepEqual(await cookie('shop.public.test'), ['id=1'])
})

test('a cookie keeps a domain of the target only where it covers the name that the client has asked', async (t) => {
  const { answer } = await startSpeaking(t)
  const rows: [host: string, given: string, expected: string][] = [
    // every name below localhost is this machine, but for a browser neither an address nor one label covers it
    ['app.localhost', 'Domain=127.0.0.1', ''],
    ['app.localhost', 'Domain=localhost', ''],
    ['app.localhost:8080', 'Domain=.localhost', ''],
    ['app.localhost', 'Domain=[::1]', ''],
    ['localhost', 'Domain=127.0.0.1', ''],
    ['127.0.0.1', 'Domain=localhost', ''],
    ['10.0.0.1', 'Domain=0.0.0.0', ''],
    ['localhost', 'Domain=LOCALHOST', '; Domain=LOCALHOST'],
    ['LocalHost:8080', 'Domain=.localhost', '; Domain=.localhost'],
    ['127.0.0.1', 'Domain=127.0.0.1', '; Domain=127.0.0.1'],
    ['[::1]:8080', 'Domain=[::1]', '; Domain=[::1]'],
    ['app.localhost', 'Domain=app.localhost', '; Domain=app.localhost'],
    ['www.app.localhost', 'Domain=app.localhost', '; Domain=app.localhost'],
  ]
  for (const [host, given, expected] of rows) {
    assert.equal(await answer('set-cookie', `id=1; ${given}`, { host }), `id=1${expected}`, `${given} on ${host}`)
  }
})

test("a service that knows itself by the client's Host may forget the prefix and the scheme", async (t) => {
  const trustProxy = ['127.0.0.1']
  const https = { 'x-forwarded-proto': 'https' }
  const stripped = await startSpeaking(t, { hosts: ['api.public.test'], stripPrefix: true }, { config: { trustProxy } })
  for (const [given, plain, secure] of [
    ['http://api.public.test/login', 'http://api.public.test/a/login', '/a/login'],
    ['http://API.public.test:80/login?x#y', 'http://API.public.test:80/a/login?x#y', '/a/login?x#y'],
    ['https://api.public.test/login', 'https://api.public.test/a/login', 'https://api.public.test/a/login'],
    ['//api.public.test/login', '//api.public.test/a/login', '//api.public.test/a/login'],
    ['https://api.public.test/a/login', 'https://api.public.test/a/login', 'https://api.public.test/a/login'],
    ['http://api.public.test:8080/login', 'http://api.public.test:8080/login', 'http://api.public.test:8080/login'],
    ['http://other.public.test/login', 'http://other.public.test/login', 'http://other.public.test/login'],
    // nobody is sent back to where they are
    ['http://api.public.test/x', 'http://api.public.test/a/x', 'http://api.public.test/a/x'],
    ['http://api.public.test//evil.test', 'http://api.public.test/a/evil.test', '/a/evil.test'],
  ]) {
    assert.equal(await stripped.answer('location', given!), plain!, given!)
    assert.equal(await stripped.answer('location', given!, https), secure!, `${given!} for https`)
  }
  const whole = await startSpeaking(t, { hosts: ['api.public.test'] }, { config: { trustProxy } })
  assert.equal(await whole.answer('location', 'http://api.public.test/a/login'), 'http://api.public.test/a/login')
  assert.equal(await whole.answer('location', 'http://api.public.test/a/login', https), '/a/login')
  assert.equal(await whole.answer('location', 'http://api.public.test/a/x', https), 'http://api.public.test/a/x')
  const internal = await startSpeaking(
    t,
    { hosts: ['api.public.test'], preserveHost: false, stripPrefix: true },
    { config: { trustProxy } },
  )
  assert.equal(await internal.answer('location', 'http://api.public.test/login', https), 'http://api.public.test/login')
})

test('early hints and stored responses name no target either', async (t) => {
  const { port: own, url } = await startRawBackend(t, (socket) => {
    socket.once('data', () => {
      const link = `link: <http://localhost:${own}/style.css>; rel=preload\r\n`
      socket.end(
        `HTTP/1.1 103 Early Hints\r\n${link}\r\nHTTP/1.1 200 OK\r\n${link}cache-control: max-age=60\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok`,
      )
    })
  })
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [url], cache: true, retries: false, passThrough: true },
  })
  const first = await rawRequest(port, get('/x'))
  assert.deepEqual(
    first.text.match(/^link: .*$/gim)?.map((line) => line.trim().toLowerCase()),
    new Array(2).fill('link: </style.css>; rel=preload'),
  )
  const second = await rawRequest(port, get('/x'))
  assert.match(second.headers['cache-status']!, /hit/)
  assert.equal(second.headers.link, '</style.css>; rel=preload')
})

test('a WebSocket handshake has the fields that any response has: one request id, public cookies, header rules', async (t) => {
  const { port: own, url } = await startRawBackend(t, (socket) => {
    socket.once('data', () => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade, X-Hop\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' +
          'sec-websocket-protocol: chat\r\nx-request-id: theirs\r\nX-Request-ID: theirs too\r\nserver: x\r\nx-hop: 1\r\nx-own: 1\r\nx-removed: 1\r\nratelimit: theirs\r\n' +
          'set-cookie: id=1; Domain=localhost\r\nset-cookie: b=2\r\n\r\n',
      )
    })
  })
  assert.ok(own)
  const responseHeaders = { set: { 'x-set': 'ours' }, remove: ['x-removed'] }
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [url], responseHeaders, passThrough: { websocket: true } },
  })
  const { status, text, headers } = await rawRequest(port, get('/x', UPGRADE))
  assert.equal(status, 101)
  const names = text
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(':', 1)[0]!.toLowerCase())
    .filter((name) => name !== '')
  assert.deepEqual(names.sort(), [
    'connection',
    'sec-websocket-accept',
    'sec-websocket-protocol',
    'set-cookie',
    'set-cookie',
    'upgrade',
    'x-own',
    'x-request-id',
    'x-set',
  ])
  assert.notEqual(headers['x-request-id'], 'theirs')
  assert.match(text, /^set-cookie: id=1\r$/im)
})

test('hostile values take little time', async (t) => {
  const targets = ['127.0.0.1', ...Array.from({ length: 300 }, (_, i) => `10.0.${i % 200}.${(i + 1) & 255}`)].map(
    (name) => `http://${name}:9`,
  )
  const { backend, port } = await startSpeaking(t, { stripPrefix: true })
  const many = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url, ...targets.slice(1).map((url) => ({ url, priority: 1 }))],
      stripPrefix: true,
      prefix: '/a',
      routes: [{ method: 'GET', url: '/*' }],
    },
  })
  assert.ok(port)
  const values: [string, string][] = [
    ['link', '<//a>,'.repeat(2500)],
    ['link', `<x>;${'a;'.repeat(7000)}`],
    ['link', `<x>;a="${'\\"'.repeat(7000)}`],
    ['link', '<'.repeat(15_000)],
    ['link', `<x>${' '.repeat(15_000)}`],
    ['link', '<x>; anchor="'.repeat(1000)],
    ['refresh', `5${' '.repeat(15_000)}x`],
    ['refresh', `0;url${' '.repeat(15_000)}x`],
    ['refresh', '"'.repeat(15_000)],
    ['set-cookie', `a=b${'; Domain=10.0.0'.repeat(900)}`],
    ['set-cookie', `a${';'.repeat(15_000)}`],
    ['set-cookie', `a=b; Path=/${' '.repeat(15_000)}x`],
    ['location', `http://${'a'.repeat(15_000)}`],
    ['location', `http://10.0.0.1:9/${'/'.repeat(15_000)}`],
    ['location', `//${'@'.repeat(15_000)}/`],
  ]
  for (const [name, value] of values) {
    backend.server.removeAllListeners('request')
    backend.server.on('request', (_request, response) => {
      response.setHeader(name, value).end()
    })
    const before = process.cpuUsage()
    assert.equal((await ask(`${many.url}/a/x`)).status, 200, name)
    const { user } = process.cpuUsage(before)
    assert.ok(user < 1_000_000, `${name} ${value.slice(0, 20)}: ${user} us`)
  }
})
