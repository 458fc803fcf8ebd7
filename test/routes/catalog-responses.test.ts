import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { jsonListener, listen, sendJson } from '../../demo/service.ts'
import { startSample } from './sample-gateway.ts'

test('what a service answers is held against the document, and still sent', async () => {
  const service = await listen(
    createServer(jsonListener((_request, response) => sendJson(response, 200, { total: '4', products: [] }))),
    {},
  )
  const gateway = await startSample('CATALOG_URL', service)
  try {
    assert.deepEqual((await gateway.call('GET', '/catalog/products', ['catalog:read'])).body, {
      total: '4',
      products: [],
    })
    assert.match(
      await gateway.metrics(),
      /^gatehouse_response_violations_total\{upstream="catalog",route="GET \/catalog\/products",status="200"\} 1$/m,
    )
  } finally {
    await gateway.close()
  }
})
