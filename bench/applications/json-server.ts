import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../child-process.ts'
import type { Application } from './application.ts'

interface Post {
  id: number
  title: string
}

const POSTS = 25

export const jsonServer: Application = {
  name: 'json-server',
  packages: { 'json-server': '0.17.4' },

  async start(workshop) {
    const port = await freePort()
    const data = join(workshop.folder, 'db.json')
    const posts = Array.from({ length: POSTS }, (_, i) => ({ id: i + 1, title: `Post ${i + 1}` }))
    writeFileSync(data, JSON.stringify({ posts }))
    const program = workshop.file('json-server', 'lib', 'cli', 'bin.js')
    await workshop.serve([program, '--host', '127.0.0.1', '--port', String(port), data], port)
    return [port]
  },

  async drive(drive) {
    const { url } = drive
    const send = (method: string, path: string, post: object): Promise<Response> =>
      fetch(url + path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(post) })

    await drive.step('home page', async () => {
      const response = await fetch(`${url}/`)
      assert.equal(response.status, 200)
      assert.match(await response.text(), /JSON Server/)
    })
    let created = ''
    await drive.step('create, with a Location at the gateway', async () => {
      const response = await send('POST', '/posts', { title: 'Größe & Maß' })
      assert.equal(response.status, 201)
      created = new URL(response.headers.get('location') ?? '', `${url}/posts`).href
      assert.equal(created, `${url}/posts/${POSTS + 1}`)
    })
    await drive.step('read, replace, change and delete', async () => {
      assert.deepEqual(await (await fetch(created)).json(), { id: POSTS + 1, title: 'Größe & Maß' })
      assert.equal((await send('PUT', `/posts/${POSTS + 1}`, { title: 'replaced' })).status, 200)
      const changed = await send('PATCH', `/posts/${POSTS + 1}`, { tags: ['a'] })
      assert.deepEqual(await changed.json(), { id: POSTS + 1, title: 'replaced', tags: ['a'] })
      assert.equal((await fetch(created, { method: 'DELETE' })).status, 200)
      assert.equal((await fetch(created)).status, 404)
    })
    await drive.step('pages: every Link leads to the gateway', async () => {
      const seen: number[] = []
      let next: string | undefined = `${url}/posts?_page=1&_limit=10`
      while (next !== undefined) {
        const response: Response = await fetch(next)
        seen.push(...((await response.json()) as Post[]).map(({ id }) => id))
        assert.equal(response.headers.get('x-total-count'), String(POSTS))
        const links = [...(response.headers.get('link') ?? '').matchAll(/<([^>]+)>; rel="(\w+)"/g)]
        for (const [, link] of links) assert.ok(link!.startsWith(`${url}/`), `Link names ${link}`)
        next = links.find(([, , rel]) => rel === 'next')?.[1]
      }
      assert.deepEqual(
        seen,
        Array.from({ length: POSTS }, (_, i) => i + 1),
      )
    })
    await drive.step('filter, and a conditional request', async () => {
      const response = await fetch(`${url}/posts?title_like=Post%202%5Cd`)
      assert.equal(((await response.json()) as Post[]).length, 6)
      // fetch() would add `no-cache`, which asks for a full answer
      const headers = { 'if-none-match': response.headers.get('etag')!, 'cache-control': 'max-age=0' }
      const again = await fetch(response.url, { headers })
      assert.equal(again.status, 304)
    })
  },
}
