import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { startRawBackend } from '../support/backend.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, startRecorder, startWays, WAYS } from '../security/wire.ts'

/** Answers by the last segment of the path. */
const answering =
  (answers: Record<string, string>) =>
  (socket: Socket): void => {
    socket.on('data', (bytes) => {
      const name = /^\S+ \S*\/(\S+) /.exec(String(bytes))![1]!
      socket.write(answers[name]!)
      if (name.startsWith('closed')) socket.end()
    })
  }

test('requests reach the service as an intermediary must send them', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const last = () => backend.received.at(-1)!
  for (const way of WAYS) {
    // RFC 9112, section 3.2.2
    await rawRequest(port, get(`http://x${way}/a?q=1`))
    assert.equal(last().url, `${way}/a?q=1`)
    // RFC 9110, section 7.6.3
    await rawRequest(port, get(`${way}/a`, 'via: 1.0 a\r\nvia: 1.1 b\r\n', '1.0'))
    assert.equal(last().headers.via, '1.0 a, 1.1 b, 1.0 gatehouse')
    // RFC 9110, sections 7.6.1 and 10.1.4
    await rawRequest(
      port,
      get(
        `${way}/a`,
        'te: trailers, gzip\r\nconnection: TE, Keep-Alive, x-hop\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nx-hop: 1\r\ntrailer: x\r\n',
      ),
    )
    for (const name of ['te', 'keep-alive', 'proxy-connection', 'x-hop', 'trailer']) {
      assert.equal(last().headers[name], undefined, name)
    }
    // RFC 9110, section 14.2
    await rawRequest(port, get(`${way}/a`, 'range: bytes=0-1\r\nif-range: "a"\r\n'))
    assert.deepEqual([last().headers.range, last().headers['if-range']], ['bytes=0-1', '"a"'])
    // RFC 9112, section 2.2
    await rawRequest(port, `\r\n\r\n${get(`${way}/empty-lines`)}`)
    assert.equal(last().url, `${way}/empty-lines`)
  }
})

test('an HTTP/1.0 request without a host goes on without an empty one', async (t) => {
  const backend = await startRecorder(t)
  for (const config of [{}, { trustProxy: ['127.0.0.1'] }]) {
    const { port } = await startWays(t, backend.url, {}, { config })
    for (const way of WAYS) {
      assert.equal((await rawRequest(port, `GET ${way}/a HTTP/1.0\r\n\r\n`)).status, 200)
      const { headers } = backend.received.at(-1)!
      assert.equal(headers['x-forwarded-host'], undefined)
      assert.equal(headers.forwarded, 'for=127.0.0.1;proto=http')
      assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    }
  }
})

test('responses reach the client as an intermediary must send them', async (t) => {
  const upstream = await startRawBackend(
    t,
    answering({
      chunked: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n',
      'closed-10': 'HTTP/1.0 200 OK\r\n\r\nok',
      dated: 'HTTP/1.1 200 OK\r\ndate: Mon, 01 Jan 2001 00:00:00 GMT\r\nage: 5\r\ncontent-length: 2\r\n\r\nok',
      both: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 7\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      folded: 'HTTP/1.1 200 OK\r\nx-a: 1\r\n 2\r\ncontent-length: 2\r\n\r\nok',
      lengths: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok',
      switched: 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n',
      part: 'HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-1/9\r\ncontent-length: 2\r\n\r\nok',
      same: 'HTTP/1.1 304 Not Modified\r\netag: "a"\r\ncontent-length: 9\r\n\r\n',
      'closed-204': 'HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok',
      processing: 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    }),
  )
  const { port } = await startWays(t, upstream.url)
  for (const way of WAYS) {
    const ask = (name: string, version = '1.1') => rawRequest(port, get(`${way}/${name}`, '', version))
    for (const name of ['chunked', 'closed-10']) {
      assert.match((await ask(name)).text, /transfer-encoding: chunked[^]*\r\n\r\n2\r\nok\r\n0\r\n\r\n$/i, name)
      const old = await ask(name, '1.0')
      assert.deepEqual(
        [old.body, old.headers['transfer-encoding'], old.headers.connection],
        ['ok', undefined, 'close'],
        'HTTP/1.0 knows no chunks',
      )
      const head = await rawRequest(port, `HEAD ${way}/dated HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
      assert.deepEqual([head.headers['content-length'], head.body], ['2', ''])
    }
    const dated = await ask('dated')
    assert.deepEqual([dated.headers.date, dated.headers.age], ['Mon, 01 Jan 2001 00:00:00 GMT', '5'])
    // RFC 9112, sections 5.2 and 6.3; RFC 9110, section 15.2.2
    for (const name of ['both', 'folded', 'lengths', 'switched']) assert.equal((await ask(name)).status, 502, name)
    const part = await ask('part')
    assert.deepEqual([part.status, part.headers['content-range'], part.body], [206, 'bytes 0-1/9', 'ok'])
    const same = await ask('same')
    assert.deepEqual([same.status, same.headers.etag, same.body], [304, '"a"', ''])
    const empty = await ask('closed-204')
    assert.deepEqual([empty.status, empty.headers['content-length'], empty.body], [204, undefined, ''])
    assert.match((await ask('processing')).text, /^HTTP\/1\.1 102 /)
    assert.match((await ask('processing', '1.0')).text, /^HTTP\/1\.1 200 /, 'HTTP/1.0 knows no interim responses')
  }
})
