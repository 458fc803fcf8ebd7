import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import { startBackend } from '../../support/backend.ts'
import { runCommand } from '../../support/command.ts'
import { JWT_SECRET, startGateway } from '../../support/gateway.ts'
import { siteRequest } from '../../support/site-request.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const jwt = { secret: JWT_SECRET }
const authorization = `Bearer ${signToken({ ...jwt, clockTolerance: 0, cacheSize: 0 }, { sub: 'ops', scopes: [] })}`

test('stored responses are purged by URL, prefix or tag, by whom the configuration lets', async (t) => {
  let count = 0
  const source = await startBackend(t, (request, response) => {
    const status = request.headers['if-none-match'] === '"same"' ? 304 : 200
    response
      .writeHead(status, {
        'cache-control': 'max-age=60',
        etag: '"same"',
        'surrogate-key': `all ${request.url!.slice(1)}`,
      })
      .end(status === 200 ? `${++count}` : undefined)
  })
  const { url, port } = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: 'none', targets: [source.url], cache: true, passThrough: true } },
    {
      jwt,
      cache: { purge: { path: '/cache/purge', auth: { jwt: {} } } },
    },
  )
  const page = `${url}/cache/purge`
  const ask = async (body: unknown, headers: Record<string, string> = { authorization }): Promise<[number, any]> => {
    const answer = await fetch(page, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    return [answer.status, await answer.json()]
  }
  const get = async (path: string): Promise<string> =>
    siteRequest(port, path).then(({ body, cache }) => `${body} ${cache}`)

  await t.test('the address', async () => {
    assert.deepEqual(
      [await get('/x'), await get('/x?1'), await get('/y'), await get('/x')],
      ['1 uri-miss', '2 uri-miss', '3 uri-miss', '1 hit'],
    )
    assert.equal((await ask({ tag: 'all' }, {}))[0], 401)
    assert.deepEqual(await ask({ url: 'http://site.test/x' }), [200, { purged: 1 }])
    assert.deepEqual([await get('/x'), await get('/x?1'), await get('/y')], ['4 uri-miss', '2 hit', '3 hit'])
    assert.deepEqual(await ask({ prefix: '/x' }), [200, { purged: 2 }])
    assert.deepEqual([await get('/x'), await get('/x?1'), await get('/y')], ['5 uri-miss', '6 uri-miss', '3 hit'])
    assert.deepEqual(await ask({ tag: 'y', soft: true }), [200, { purged: 1 }])
    assert.deepEqual(
      [await get('/y'), await get('/y'), await get('/x')],
      ['3 stale', '3 hit', '5 hit'],
      'validated once',
    )
    assert.deepEqual(await ask({ tag: 'none' }), [200, { purged: 0 }])
  })

  await t.test('what is wrong is said', async () => {
    for (const [body, expected] of [
      [{}, 'exactly one of "url", "prefix" and "tag"'],
      [{ soft: true }, 'exactly one of'],
      [{ url: '/x', tag: 'y' }, 'exactly one of'],
      [{ url: 'x' }, ''],
      [{ url: 5 }, ''],
      [{ tag: '' }, ''],
      [{ tags: ['a'] }, ''],
      [{ tag: 'a', soft: 'yes' }, ''],
      [[], ''],
    ] as const) {
      const [status, { code, errors }] = await ask(body)
      assert.deepEqual([status, code, errors.length], [400, 'GW_VALIDATION', 1], JSON.stringify(body))
      assert.ok(errors[0].expected.startsWith(expected.slice(0, 5)), errors[0].expected)
    }
    assert.equal((await ask('x'.repeat(70_000)))[0], 413)
    assert.equal((await ask({ tag: 'a' }, { authorization, 'content-type': 'text/plain' }))[0], 415)
  })

  await t.test('the command', async () => {
    const cwd = temporaryFolder(t)
    const run = (...words: string[]) =>
      runCommand(t, ['purge', '--gateway', page, '--gateway-header', `authorization: ${authorization}`, ...words], {
        cwd,
      })
    assert.deepEqual([await get('/x'), await get('/y')], ['5 hit', '3 hit'])
    assert.deepEqual(await run('--url', '/x'), { code: 0, stdout: 'purged 1\n', stderr: '' })
    assert.deepEqual(await run('--tag', 'all', '--soft'), { code: 0, stdout: 'purged 2\n', stderr: '' })
    assert.deepEqual([await get('/x'), await get('/y')], ['7 uri-miss', '3 stale'])
    assert.deepEqual(await run('--prefix', 'http://site.test/'), { code: 0, stdout: 'purged 3\n', stderr: '' })
    assert.deepEqual(await run(), {
      code: 1,
      stdout: '',
      stderr: 'gatehouse: found nothing to purge, allowed: one of --url, --prefix and --tag\n',
    })
    assert.equal(
      (await run('--url', '/x', '--tag', 'x')).stderr,
      'gatehouse: found --url and --tag, allowed: one of --url, --prefix and --tag\n',
    )
    const bare = await runCommand(t, ['purge', '--gateway', page, '--tag', 'x'], { cwd })
    assert.deepEqual(
      [bare.code, bare.stderr],
      [
        1,
        `gatehouse: ${page} answers 401: send what its 'cache.purge.auth' asks for with --gateway-header 'name: value'\n`,
      ],
    )
    const elsewhere = await runCommand(t, ['purge', '--gateway', `${url}/livez`, '--tag', 'x'], { cwd })
    assert.equal(elsewhere.stderr, `gatehouse: ${url}/livez answers 200: no gateway of this version\n`)
    const { url: other } = await startGateway(t, {})
    const nowhere = await runCommand(t, ['purge', '--gateway', `${other}/purge`, '--tag', 'x'], { cwd })
    assert.equal(
      nowhere.stderr,
      `gatehouse: ${other}/purge answers 404: expected the path of 'cache.purge' in its configuration\n`,
    )
  })
})
