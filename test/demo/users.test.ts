import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Service } from '../../demo/service.ts'
import { start } from '../../demo/users.ts'

describe('demo users', () => {
  let service: Service
  before(async () => {
    service = await start()
  })
  after(() => service.close())

  const get = async (path: string, headers?: Record<string, string>) => {
    const response = await fetch(service.url + path, { headers })
    return { status: response.status, body: (await response.json()) as any }
  }

  test('lists and reads users', async () => {
    assert.equal((await get('/users')).body.users.length, 6)
    assert.deepEqual(
      (await get('/users?team=types')).body.users.map((user: { id: number }) => user.id),
      [6],
    )
    assert.equal((await get('/users/2')).body.name, 'Grace Hopper')
    assert.equal((await get('/users/7')).status, 404)
    assert.equal((await get('/elsewhere')).status, 404)
    assert.equal((await fetch(`${service.url}/users`, { method: 'POST' })).status, 405)
  })

  test('tells the identity it was handed', async () => {
    const { body } = await get('/users/me', { 'x-consumer-id': 'ada', 'x-consumer-scopes': 'users:read orders:read' })
    assert.deepEqual(body, { consumer: 'ada', scopes: ['users:read', 'orders:read'] })
    assert.deepEqual((await get('/users/me')).body, { consumer: null, scopes: [] })
  })
})
