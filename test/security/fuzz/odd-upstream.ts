import { createServer, type Socket } from 'node:net'
import { choice, type Random, random, whole } from './random.ts'

/**
 * An upstream that answers oddly, in a process of its own: `node odd-upstream.ts`. It prints its port. The number in
 * the target (`/...?n=7`) decides about the answer, so that a seed repeats a run.
 */
const server = createServer((socket) => {
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end)
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      const isChunked = /\r\ntransfer-encoding:/i.test(head)
      const last = isChunked ? text.indexOf('0\r\n\r\n', end + 4) : end + 4 + length
      if (last === -1 || (!isChunked && text.length < last)) return
      text = text.slice(isChunked ? last + 5 : last)
      answer(socket, head)
    }
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as { port: number }).port}\n`))
// whoever has started it is gone
process.stdin.on('end', () => process.exit()).resume()

const STATUSES = [
  100, 101, 103, 199, 200, 200, 200, 200, 201, 204, 206, 206, 301, 302, 304, 304, 400, 401, 404, 416, 429, 500, 502,
  503, 599, 600, 999,
]
const HEADERS = [
  'cache-control: max-age=60',
  'cache-control: max-age=60',
  'cache-control: public, s-maxage=1',
  'cache-control: no-store',
  'cache-control: private, max-age=9',
  'cache-control: max-age=99999999999999999999',
  'cache-control: max-age=-1, "',
  'cache-control: no-cache="',
  'cache-control: stale-while-revalidate=60, max-age=0',
  'etag: "a"',
  'etag: W/"a"',
  'etag: broken',
  'etag: ""',
  'last-modified: Thu, 01 Jan 1970 00:00:00 GMT',
  'last-modified: never',
  'expires: 0',
  'date: yesterday',
  'age: -5',
  'age: 999999999999',
  'vary: *',
  'vary: accept-encoding, x-a',
  'vary: , ,',
  'vary: cookie',
  'content-range: bytes 0-1/4',
  'content-range: bytes 5-1/x',
  'content-range: bytes */4',
  'content-type: application/json',
  'content-type: text/html; charset=',
  'content-type: ;;;',
  'content-encoding: gzip',
  'content-encoding: gzip, br, zstd',
  'content-encoding: nonsense',
  'location: /a/b',
  'location: http://[',
  'location: \\\\evil',
  'content-location: /cached/x',
  'set-cookie: a=b',
  'set-cookie: a=b; =;',
  'connection: x-a, close',
  'connection: keep-alive',
  'keep-alive: timeout=0',
  'trailer: x-t',
  'upgrade: h2c',
  'retry-after: -1',
  'retry-after: 99999999999',
  'cache-status: x;;',
  'x-a: \xe4\xff',
  `x-long: ${'a'.repeat(9000)}`,
  'x-empty:',
  'x-accel-redirect: /x',
  'link: </a>; rel=preload',
  'www-authenticate: Basic',
  'proxy-authenticate: x',
  'strict-transport-security: x',
  'transfer-encoding: gzip',
  'content-length: 1',
  'content-length: -1',
  ': x',
  'bad name: x',
  'x-fold: a\r\n b',
]
const BODY = '{"a":1,"b":"text of a body"}'

function answer(socket: Socket, head: string): void {
  const seed = Number(/[?&]n=(\d+)/.exec(head)?.[1] ?? 1)
  const { next } = random(seed)
  const isGood = head.includes('/good')
  if (isGood) {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`)
    return
  }
  const lines = Array.from({ length: whole(next, 5) }, () => choice(next, HEADERS))
  const start = `HTTP/1.1 ${choice(next, STATUSES)} Some\r\n`
  const fields = lines.map((line) => `${line}\r\n`).join('')
  const way = whole(next, 20)
  const framed = `${start}${fields}content-length: ${BODY.length}\r\n\r\n`
  const chunked = `${start}${fields}transfer-encoding: chunked\r\n\r\n`
  if (way < 5) socket.write(framed + BODY)
  else if (way < 8) {
    socket.write(`${chunked}${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n${way === 7 ? 'x-t: 1\r\n' : ''}\r\n`)
  } else if (way === 8) socket.end(`${start}${fields}\r\n${BODY}`)
  else if (way === 9) socket.end(framed + BODY.slice(0, 5))
  else if (way === 10) socket.write(`${framed}${BODY}junk after the end`)
  else if (way === 11) socket.write(`${chunked}zz\r\n`)
  else if (way === 12) socket.destroy()
  else if (way === 13) socket.resetAndDestroy()
  else if (way === 14) socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${framed}${BODY}`)
  else if (way === 15) socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(20) + framed + BODY)
  else if (way === 16) socket.write(`${start}${fields}content-length: 5\r\ncontent-length: 6\r\n\r\n${BODY}`)
  else if (way === 17) socket.write('SSH-2.0-nonsense\r\n')
  else if (way === 18) later(socket, framed, BODY, next)
  else if (/\r\nupgrade:/i.test(head)) {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n${fields}\r\n\x81\x05hello`,
    )
  } else socket.write(`${chunked}40000\r\n${'x'.repeat(0x40000)}\r\n0\r\n\r\n`)
}

/** Head and body apart, with the body in pieces. */
function later(socket: Socket, head: string, body: string, next: Random): void {
  socket.write(head)
  setTimeout(() => {
    if (next() < 0.2) socket.destroy()
    else socket.write(body)
  }, 30)
}
