import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { wantsColors, terminalLine } from '../../src/observe/terminal-log.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { captureLog } from '../support/captured-log.ts'
import { startGateway } from '../support/gateway.ts'

const plain = (record: object) => terminalLine(JSON.stringify(record), false)
const request = {
  level: 30,
  time: '2026-01-01T00:00:00.000Z',
  pid: 1,
  hostname: 'h',
  reqId: 'r-1',
  method: 'GET',
  host: 'a',
  path: '/orders',
  route: '/orders',
  upstream: 'orders',
  target: 'http://127.0.0.1:1',
  consumer: 'ada',
  client: '127.0.0.1',
  status: 200,
  upstreamMs: 40.2,
  ms: 46.31,
  msg: 'request',
}

describe('a request on a terminal', () => {
  test('is one short line', () => {
    assert.equal(plain(request), 'GET /orders 200 46ms orders ada\n')
    assert.equal(
      plain({ ...request, ms: 0.42, upstream: undefined, consumer: undefined, path: '/livez' }),
      'GET /livez 200 0.4ms\n',
    )
    assert.equal(plain({ ...request, ms: 61_234 }), 'GET /orders 200 61s orders ada\n')
    assert.equal(plain({ ...request, upstream: undefined, path: '/status' }), 'GET /status 200 46ms - ada\n')
  })

  test('says what was unusual about it', () => {
    assert.equal(plain({ ...request, cache: 'hit' }), 'GET /orders 200 46ms orders ada cache: hit\n')
    assert.equal(
      plain({ ...request, attempts: 2, fellBack: true }),
      'GET /orders 200 46ms orders ada attempts: 2, fell back\n',
    )
    assert.equal(
      plain({ ...request, status: 499, aborted: true, msg: 'request aborted' }),
      'GET /orders 499 46ms orders ada aborted\n',
    )
  })

  test('stays one line of bounded length, whatever the client has sent', () => {
    const line = plain({ ...request, path: `/${'a'.repeat(9000)}`, consumer: 'c'.repeat(9000) })
    assert.ok(line.length < 250, String(line.length))
    assert.match(line, /…/)
  })

  test('no control character, escape sequence or reordering mark reaches the terminal', () => {
    // OSC 52 writes the clipboard; CSI moves the cursor; C1 has the same meanings as ESC and a letter
    const hostile = 'a\u001b]52;c;ZXZpbA==\u0007\u001b[2J\u009b31m\r\nGET /fake 200\u202eevil\u2028\ud800\u0000\u007f'
    const fields = {
      path: `/${hostile}`,
      consumer: hostile,
      method: hostile,
      upstream: hostile,
      cache: hostile,
      msg: 'request',
    }
    for (const line of [
      plain({ ...request, ...fields }),
      plain({ level: 40, msg: hostile, [hostile]: hostile, deep: { [hostile]: [hostile] } }),
      plain({
        level: 50,
        msg: 'x',
        err: { type: hostile, message: hostile, stack: `Error: ${hostile}\n    at ${hostile}` },
      }),
      terminalLine(`not JSON ${hostile}`, false),
    ]) {
      assert.doesNotMatch(line.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    }
    assert.equal(plain({ ...request, ...fields }).match(/\n/g)!.length, 1)
    assert.match(plain({ ...request, path: '/a\u001b[2J' }), /^GET \/a\\x1b\[2J 200 /)
  })
})

describe('other lines on a terminal', () => {
  test('have the message first, then what matters', () => {
    assert.equal(
      plain({ level: 30, pid: 1, hostname: 'h', time: 't', msg: 'ready on http://127.0.0.1:3000' }),
      'ready on http://127.0.0.1:3000\n',
    )
    assert.equal(
      plain({
        level: 50,
        reqId: 'r-1',
        code: 'GW_UPSTREAM_UNREACHABLE',
        upstream: 'orders',
        reason: 'ECONNREFUSED: no',
        msg: 'It cannot be reached: try again later.',
      }),
      'ERROR It cannot be reached: try again later. code=GW_UPSTREAM_UNREACHABLE upstream=orders reason="ECONNREFUSED: no" reqId=r-1\n',
    )
    assert.equal(
      plain({ level: 40, decision: 'eject', target: 't', details: { for: 3 }, msg: 'traffic decision' }),
      'WARN traffic decision decision=eject target=t details={"for":3}\n',
    )
  })

  test('an error has its stack below it', () => {
    const line = plain({
      level: 50,
      code: 'GW_INTERNAL',
      err: { type: 'TypeError', message: 'no', stack: 'TypeError: no\n    at here', code: 'E' },
      msg: 'failed',
    })
    assert.equal(line, 'ERROR failed code=GW_INTERNAL\n  TypeError: no\n      at here\n')
    assert.equal(plain({ level: 50, err: { type: 'Error', message: 'no' }, msg: 'no' }), 'ERROR no\n  Error: no\n')
  })

  test('a line of any size or shape is written, cut where it is too long', () => {
    assert.ok(plain({ level: 40, msg: 'x'.repeat(100_000), more: 'y'.repeat(100_000) }).length < 5000)
    assert.ok(plain({ level: 50, msg: 'm', err: { stack: 'at x\n'.repeat(100_000) } }).length < 10_000)
    for (const line of [
      '',
      '{',
      'null',
      '[]',
      '7',
      '"x"',
      '{}',
      '{"msg":7}',
      '{"msg":"request"}',
      '{"msg":"request","method":7,"status":"x"}',
      '{"err":7,"msg":null}',
    ]) {
      assert.match(terminalLine(line, true), /^[^\n]*\n$/)
    }
  })
})

describe('colours', () => {
  const escape = '\u001b['
  test('are there only on a terminal that has not asked to be left alone', () => {
    assert.equal(wantsColors({ isTTY: true }, {}), true)
    assert.equal(wantsColors({ isTTY: false }, {}), false)
    assert.equal(wantsColors({}, {}), false)
    assert.equal(wantsColors({ isTTY: true }, { NO_COLOR: '1' }), false)
    // no-color.org: when it is present and not empty
    assert.equal(wantsColors({ isTTY: true }, { NO_COLOR: '' }), true)
    assert.equal(wantsColors({ isTTY: true }, { TERM: 'dumb' }), false)
  })

  test('mark the status and the severity, and end where they began', () => {
    for (const [status, color] of [
      [200, 32],
      [302, 36],
      [404, 33],
      [502, 31],
    ]) {
      assert.ok(
        terminalLine(JSON.stringify({ ...request, status }), true).includes(`${escape}${color}m${status}${escape}39m`),
      )
    }
    assert.ok(terminalLine('{"level":50,"msg":"no"}', true).startsWith(`${escape}31mERROR${escape}39m no`))
  })
})

test('a gateway that logs for people writes such lines, with the redaction of the others', async (t) => {
  const backend = await startBackend(t)
  const files = {
    'a.json': {
      name: 'a',
      auth: 'none',
      prefix: '/a',
      targets: [backend.url],
      routes: [{ method: 'GET', url: '/:id' }],
    },
    'b.json': {
      name: 'b',
      auth: 'none',
      prefix: '/b',
      targets: [`http://127.0.0.1:${await closedPort()}`],
      routes: [{ method: 'GET', url: '/' }],
    },
  }
  const { url, app } = await startGateway(t, files, { log: { level: 'info', access: true, format: 'pretty' } })
  const log = captureLog(t, app)
  await (await fetch(`${url}/a/5?token=secret`)).text()
  const line = terminalLine(JSON.stringify(await log.next('request')), false)
  assert.match(line, /^GET \/a\/5 200 [\d.]+ms a\n$/)
  await (await fetch(`${url}/b`)).text()
  const failure = log.lines.find(({ level }) => level === 50)!
  assert.match(
    terminalLine(JSON.stringify(failure), false),
    /^ERROR The service behind this route cannot be reached: try again later\. code=GW_UPSTREAM_UNREACHABLE upstream=b .*reason="ECONNREFUSED[^\n]*\n$/,
  )
})
