import assert from 'node:assert/strict'
import { test } from 'node:test'
import { docsPage } from '../../src/portal/docs-page.ts'

test('the page has the width of its device, and its title is text', () => {
  const page = docsPage('/docs', 'A <b>"title"</b> & more')
  assert.match(page, /<meta name="viewport" content="width=device-width, initial-scale=1">/)
  assert.match(page, /<title>A &#60;b&#62;&#34;title&#34;&#60;\/b&#62; &#38; more<\/title>/)
  assert.match(page, /<script src="\/docs\/static\/theme\/gatehouse\.js">/)
})
