import assert from 'node:assert/strict'
import { test } from 'node:test'
import { docsPolicy } from '../../src/portal/docs-appearance.ts'

test('the policy allows the gateway, and requests to the servers of the document', () => {
  const policy = docsPolicy([
    { url: '/' },
    { url: 'https://api.example.com/v1' },
    { url: 'https://api.example.com/v2' },
    { url: 'not a url' },
  ])
  assert.match(policy, /connect-src 'self' https:\/\/api\.example\.com;/)
  assert.doesNotMatch(policy, /unsafe|https: |upgrade-insecure-requests|swagger\.io/)
})
