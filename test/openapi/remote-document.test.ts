import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DocumentRefresh } from '../../src/openapi/document-refresh.ts'
import { loadApiDocument, refreshApiDocument } from '../../src/openapi/load-document.ts'
import { allowedBy } from '../../src/openapi/remote-document.ts'
import { documents, problemsOf, withSchemas } from './document-folder.ts'

async function service(
  t: TestContext,
  listener: RequestListener,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  t.after(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

test('a fetched document is kept, asked for by its ETag, and used while the service is away or publishes nonsense', async (t) => {
  let text = withSchemas('{ A: { type: string } }')
  const asked: (string | undefined)[] = []
  const { url, close } = await service(t, (request, response) => {
    asked.push(request.headers['if-none-match'])
    const etag = `"${text.length}"`
    if (request.headers['if-none-match'] === etag) response.writeHead(304).end()
    else response.writeHead(200, { etag }).end(text)
  })
  const warnings: string[] = []
  const options = {
    ...documents(t, { 'x.yaml': '' }),
    onWarning: (message: string) => {
      warnings.push(message)
    },
  }
  const document = await loadApiDocument(`${url}/api?token=secret`, options)
  assert.equal(document.name, `${url}/api`)
  assert.equal(await refreshApiDocument(`${url}/api?token=secret`, options, document), null)
  assert.deepEqual(asked, [undefined, `"${text.length}"`])

  const told: string[] = []
  const refresh = new DocumentRefresh({
    reference: `${url}/api?token=secret`,
    load: options,
    document,
    interval: 1000,
    onChange: ({ root }) => {
      told.push(root.components.schemas.A.type)
    },
    onFailure: (problems) => {
      told.push(problems[0]!.message)
    },
  })
  text = withSchemas('{ A: { type: integer } }')
  assert.equal(await refresh.refresh(), true)
  assert.equal(await refresh.refresh(), false)
  text = 'openapi: 9'
  await refresh.refresh()
  await refresh.refresh()
  assert.deepEqual(told, ['integer', 'is of version 9, allowed: "openapi" 3.0.x or 3.1.x, or "swagger" "2.0"'])
  refresh.close()

  assert.deepEqual(warnings, [])
  assert.equal((await loadApiDocument(`${url}/api?token=secret`, options)).root.components.schemas.A.type, 'integer')
  assert.match(warnings.pop()!, /^the fetched document is not valid, and the cached copy is used/)
  await close()
  assert.equal((await loadApiDocument(`${url}/api?token=secret`, options)).root.components.schemas.A.type, 'integer')
  assert.match(warnings.pop()!, /api cannot be fetched: ECONNREFUSED.*the cached copy is used$/)
  assert.deepEqual(await problemsOf(loadApiDocument(`${url}/other?token=secret`, options)), [
    `${url}/other: cannot be fetched: ECONNREFUSED: connect ECONNREFUSED ${url.slice(7)}`,
  ])
  assert.equal(readdirSync(join(options.folder, '.cache')).length, 1)
})

test('references fetch what is allowed and nothing else, redirects included', async (t) => {
  const { url } = await service(t, (request, response) => {
    if (request.url === '/ok/pet.yaml') response.end('type: string')
    else if (request.url === '/ok/away.yaml') response.writeHead(302, { location: '/internal.yaml' }).end()
    else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end()
    else response.end('type: object')
  })
  const options = documents(t, {
    'ok.yaml': withSchemas(`{ A: { $ref: '${url}/ok/pet.yaml' } }`),
    'other.yaml': withSchemas(`{ A: { $ref: '${url}/internal.yaml' } }`),
    'away.yaml': withSchemas(`{ A: { $ref: '${url}/ok/away.yaml' } }`),
  })
  const allow = [`${url}/ok/`]
  assert.equal((await loadApiDocument('ok.yaml', { ...options, allow })).root.components.schemas.A.type, 'string')
  assert.match((await problemsOf(loadApiDocument('ok.yaml', options)))[0]!, /which references may not fetch/)
  assert.match(
    (await problemsOf(loadApiDocument('other.yaml', { ...options, allow })))[0]!,
    /which references may not fetch/,
  )
  assert.match(
    (await problemsOf(loadApiDocument('away.yaml', { ...options, allow })))[0]!,
    /redirected to .*internal\.yaml, which "openapi\.remote" does not list/,
  )
  assert.match((await problemsOf(loadApiDocument(`${url}/round`, options)))[0]!, /redirected more than 5 times/)
})

test('what is allowed ends at a slash of the path, and a host means https', () => {
  const isAllowed = allowedBy(['schemas.example.com', 'https://example.com/a'])
  const verdicts = [
    'https://schemas.example.com/x',
    'http://schemas.example.com/x',
    'https://schemas.example.com.evil.org/x',
    'https://example.com/a/b',
    'https://example.com/ab',
    'https://example.com/a/../b',
    'https://example.com/a/..%2fb',
  ].map((url) => isAllowed(new URL(url)))
  assert.deepEqual(verdicts, [true, false, false, true, false, false, false])
})
