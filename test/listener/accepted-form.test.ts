import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prefersHtml } from '../../src/listener/problem-page.ts'

const CHROME =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7'

// RFC 9110, section 12.5.1: the most specific range counts, and what is not named is not acceptable
for (const [accept, html] of [
  [CHROME, true],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
  ['text/html', true],
  ['TEXT/HTML', true],
  ['text/*', true],
  ['text/html;q=0.1', true],
  ['text/html; charset=utf-8', true],
  ['text/html, application/json;q=0.9', true],
  ['application/json;q=0.5, text/html;q=0.6', true],
  ['text/html;q=0.5, application/*;q=0.2', true],
  ['*/*;q=0.1, text/html;q=0.2', true],
  ['text/html, */*;q=0', true],
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['*/*;q=0.8', false],
  ['application/json', false],
  ['application/problem+json', false],
  ['application/json, text/plain, */*', false],
  ['text/html, application/json', false],
  ['text/html, */*', false],
  ['text/html, application/problem+json', false],
  ['text/html;q=0.8, application/problem+json', false],
  ['text/html;q=0.8, */*', false],
  ['text/html;q=0', false],
  ['text/html;q=0, text/*', false],
  ['text/html;q=0, */*;q=0.5', false],
  ['image/avif,image/webp,*/*', false],
  ['text/css,*/*;q=0.1', false],
  ['text/plain', false],
  ['text/event-stream', false],
  ['application/xhtml+xml', false],
  // a member that is malformed is passed over
  ['text/html;q=2', false],
  ['text/html;q=x', false],
  ['text html', false],
  ['text/html;q=0.1234', false],
  [';;;,,,', false],
  ['*/html', false],
] as const) {
  test(`Accept: ${accept}: ${html ? 'a page' : 'JSON'}`, () => assert.equal(prefersHtml(accept), html))
}

test('a field of any length takes no time', () => {
  for (const part of ['text/html,', 'text/html;', ' ', 'text/', 'a/b;c="d,e";q=0.1,', ';q=']) {
    const start = process.cpuUsage()
    prefersHtml(`text/x,${part.repeat(100_000)}`)
    const { user } = process.cpuUsage(start)
    assert.ok(user < 500_000, `${part}: ${user} µs`)
  }
})
