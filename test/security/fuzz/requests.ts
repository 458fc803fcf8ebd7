import { choice, type Random, whole } from './random.ts'

// What the fuzz sends: requests that are nearly right, and some that are not.

const METHODS = [
  'GET',
  'GET',
  'GET',
  'GET',
  'HEAD',
  'POST',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  'QUERY',
  'TRACE',
  'CONNECT',
  'PURGE',
  'get',
  'NOSUCH',
  '',
]
const PATHS = [
  '/plain/x',
  '/plain/x',
  '/plain/good',
  '/cached/x',
  '/cached/x',
  '/cached/y',
  '/cached/good',
  '/checked/x',
  '/checked/x',
  '/guarded/jwt',
  '/guarded/basic',
  '/guarded/apiKey',
  '/guarded/signature',
  '/guarded/all',
  '/guarded/optional',
  '/limited/x',
  '/matched/x',
  '/own',
  '/own/x',
  '/status',
  '/status/explain',
  '/status/drift',
  '/metrics',
  '/docs',
  '/docs/json',
  '/livez',
  '/purge',
  '/nowhere',
  '/',
  '*',
  '',
  '/plain/%2e%2e/x',
  '/plain/../cached/x',
  '//plain//x',
  '/plain/%',
  '/plain/%00',
  '/plain/\xe4',
  '/plain\\x',
  'http://x/plain/x',
  'http://y/plain/x',
  'x:443',
  '/CACHED/x',
  '/cached/x/',
  '/.host-0/x',
  '/.refused',
  '/a;b/x',
  '//x/../%zz',
  '/.host-as-is-0/x',
  'http://files.test//x;y/../%0a',
]
const HEADERS = [
  'host: y',
  'host:',
  'Host: x',
  'connection: close',
  'connection: keep-alive',
  'connection: x-v, x-amount, authorization, cookie',
  'connection: upgrade',
  'connection: host, content-length',
  'upgrade: websocket',
  'upgrade: h2c',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  'range: bytes=0-1',
  'range: bytes=5-1',
  'range: bytes=-0',
  'range: bytes=0-,1-2,3-',
  'range: x',
  'if-range: "a"',
  'if-range: x',
  'if-none-match: "a"',
  'if-none-match: *',
  'if-none-match: a,,"',
  'if-modified-since: Thu, 01 Jan 1970 00:00:00 GMT',
  'if-modified-since: x',
  'if-match: "b"',
  'if-unmodified-since: x',
  'cache-control: only-if-cached',
  'cache-control: no-store',
  'cache-control: max-age=0',
  'cache-control: max-stale',
  'cache-control: max-age=x, "',
  'pragma: no-cache',
  'accept-encoding: gzip',
  'accept-encoding: br;q=0, *',
  'accept-encoding: ;;q=x',
  'accept: text/html',
  'accept: ;',
  'te: trailers',
  'trailer: x-t',
  'expect: 100-continue',
  'expect: nonsense',
  'max-forwards: 0',
  'max-forwards: x',
  'authorization: Bearer a.b.c',
  'authorization: Basic YWRhOnNlY3JldA==',
  'authorization: Basic !!!',
  'authorization: Basic YWRhOndyb25n',
  'authorization: ',
  'x-api-key: wrong',
  'signature: s=:AAAA:',
  'signature-input: s=("@method");created=1;keyid="k1"',
  'signature-input: ((((',
  'cookie: a=b',
  'cookie: ;;==;',
  'content-digest: sha-256=:AAAA:',
  'x-v: 1',
  'x_v: 1',
  'x-forwarded-for: 1.2.3.4, x',
  'x-forwarded-proto: gopher',
  'forwarded: for="',
  'via: 1.1 x',
  'traceparent: 00-x',
  'x-request-id: a\tb',
  `x-long: ${'a'.repeat(7000)}`,
  `x-longer: ${'b'.repeat(20000)}`,
  'x-odd: \xe4\xff',
  'x-bad\x00: 1',
  'bad name: 1',
  ' folded',
  ': none',
  'no colon',
  'origin: https://evil.test',
  'access-control-request-method: GET',
  'sec-fetch-site: cross-site',
  'content-type: application/json',
  'content-type: application/json',
  'content-type: text/plain',
  'content-type: ;',
  'content-encoding: gzip',
  'content-type: multipart/form-data; boundary=x',
]
const BODIES = [
  '',
  'abc',
  '{"a":1}',
  '{"a":"x"}',
  '{"a":',
  '[]',
  '{"__proto__":{}}',
  '{"method":"GET","url":"/plain/x","headers":{}}',
  '{"prefix":"/"}',
  '{"url":"/cached/x"}',
  '{"tag":"x","soft":true}',
  'x'.repeat(3000),
  '\xff\xfe',
  '--x\r\n\r\n',
]

/** How bytes are sent and the connection left. */
export interface Sending {
  pieces: string[]
  /** After the last piece: wait for answers, end one's side, or break off. */
  then: 'wait' | 'end' | 'destroy' | 'reset'
}

/** One to four requests on one connection. @param n  makes the answers of the upstream differ */
export function sending(next: Random, n: number): Sending {
  const count = next() < 0.8 ? 1 : 1 + whole(next, 4)
  let text = ''
  for (let i = 0; i < count; i++) text += one(next, n + i)
  const cut = next() < 0.15 ? whole(next, text.length) : text.length
  const pieces = next() < 0.3 ? [text.slice(0, cut >> 1), text.slice(cut >> 1, cut)] : [text.slice(0, cut)]
  const end = next()
  return {
    pieces,
    then:
      cut < text.length
        ? end < 0.5
          ? 'destroy'
          : 'reset'
        : end < 0.75
          ? 'wait'
          : end < 0.9
            ? 'end'
            : end < 0.95
              ? 'destroy'
              : 'reset',
  }
}

/** Requests that are right in themselves, so that they get far; what is put in beside them is not. */
const RIGHT: readonly (readonly [line: string, headers: string, bodies: readonly string[]])[] = [
  ['QUERY /cached/x', 'content-type: text/plain', ['abc', 'q=1']],
  ['QUERY /matched/x', 'content-type: text/plain\r\nx-v: 1', ['abc']],
  ['GET /matched/x', 'x-v: 1', ['']],
  ['GET /cached/x', 'accept-encoding: gzip', ['']],
  ['GET /cached/x', 'accept-encoding: br', ['']],
  [
    'POST /checked/x',
    'content-type: application/json',
    ['{"a":1}', '{"a":"x"}', '{"a":1', '{"a":1.0000000000000000001}'],
  ],
  ['POST /plain/x', 'content-type: application/json', ['{"a":1}', 'x'.repeat(70_000)]],
  [
    'GET /plain/socket',
    'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
    [''],
  ],
  ['GET /guarded/basic', 'authorization: Basic YWRhOnNlY3JldA==', ['']],
  ['GET /guarded/all', 'authorization: Basic YWRhOnNlY3JldA==\r\nx-api-key: a key of the fuzz', ['']],
  ['GET /guarded/optional', 'authorization: Basic YWRhOnNlY3JldA==', ['']],
  ['GET /guarded/apiKey', 'x-api-key: a key of the fuzz', ['']],
  ['GET /limited/x', 'accept: */*', ['']],
  ['GET /own/x', 'accept: */*', ['']],
  [
    'POST /status/explain',
    'content-type: application/json',
    ['basic', 'all', 'jwt', 'apiKey', 'signature', 'optional'].flatMap((scheme) =>
      ['Basic YWRhOnNlY3JldA==', 'Basic YWRhOndyb25n', 'Bearer a.b.c'].map((authorization) =>
        JSON.stringify({
          method: 'GET',
          url: `/guarded/${scheme}`,
          headers: { host: 'x', authorization, 'x-api-key': 'a key of the fuzz' },
        }),
      ),
    ),
  ],
]

function nearlyRight(next: Random, n: number): string {
  const [line, fields, bodies] = choice(next, RIGHT)
  const more = Array.from({ length: whole(next, 3) }, () => `${choice(next, HEADERS)}\r\n`).join('')
  const body = choice(next, bodies)
  const target = `${line}${line.startsWith('POST /status') ? '' : `?n=${n % 200}`}`
  const framing =
    body === ''
      ? '\r\n'
      : next() < 0.8
        ? `content-length: ${body.length}\r\n\r\n${body}`
        : `transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  return `${target} HTTP/1.1\r\nhost: x\r\n${fields}\r\n${more}${framing}`
}

function one(next: Random, n: number): string {
  if (next() < 0.5) return nearlyRight(next, n)
  const path = choice(next, PATHS)
  // few numbers for what is cached, so that it is found again
  const target = path.startsWith('/') && next() < 0.95 ? `${path}?n=${path.includes('cached') ? n % 200 : n}` : path
  const version = next() < 0.93 ? '1.1' : choice(next, ['1.0', '0.9', '2.0', '1.2', 'x'])
  const headers = Array.from({ length: whole(next, 5) }, () => choice(next, HEADERS))
  if (next() < 0.95) headers.unshift(next() < 0.15 ? 'host: files.test' : 'host: x')
  const body = next() < 0.4 ? choice(next, BODIES) : ''
  return `${choice(next, METHODS)} ${target} HTTP/${version}\r\n${headers.map((line) => `${line}\r\n`).join('')}${framed(next, body)}`
}

function framed(next: Random, body: string): string {
  const way = whole(next, 12)
  if (body === '' && way < 8) return '\r\n'
  if (way < 6) return `content-length: ${body.length}\r\n\r\n${body}`
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`
  if (way < 8) {
    return `transfer-encoding: chunked\r\n\r\n${body === '' ? '' : chunk}0\r\n${way === 7 ? 'x-t: 1\r\n' : ''}\r\n`
  }
  if (way === 8) return `content-length: ${body.length + 1}\r\n\r\n${body}`
  if (way === 9) return `content-length: ${body.length}\r\ntransfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`
  if (way === 10) {
    return `transfer-encoding: ${choice(next, ['gzip, chunked', 'chunked, chunked', 'identity', ' chunked', 'x'])}\r\n\r\n${body}`
  }
  return `transfer-encoding: chunked\r\n\r\n${choice(next, ['ffffffffffffffffff\r\n', '-1\r\n', 'g\r\n', '3;a=b\r\nabc\r\n0\r\n\r\n', '3\r\nabcd\r\n0\r\n\r\n', '\r\n'])}`
}
