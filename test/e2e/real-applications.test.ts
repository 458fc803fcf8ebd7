import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { describe, test } from 'node:test'
import { application, installApplications, startChat, startJsonServer, startNodeRed } from './applications.ts'
import { launchBrowser, noBrowser, watchedPage } from './browser.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from './gateway.ts'

const missing = await installApplications()

interface ChatClient extends NodeJS.EventEmitter {
  connected: boolean
  io: { engine: { transport: { name: string } } }
  emitWithAck(event: string, ...values: unknown[]): Promise<unknown>
  close(): void
}

/**
 * Sends headers that `fetch` keeps to itself: a host that no resolver knows, a validator without `Cache-Control:
 * no-cache`.
 */
async function get(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: Record<string, string>; body: string }> {
  const sent = request(url, { headers }).end()
  const [response] = await once(sent, 'response')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  return { status: response.statusCode, headers: response.headers, body }
}

describe('applications that others have written, unchanged behind the gateway', { skip: missing }, () => {
  test('json-server under a prefix: create, read, change, delete', async (t) => {
    const target = await startJsonServer(t)
    const url = await startGateway(t, {
      name: 'posts',
      prefix: '/api',
      stripPrefix: true,
      targets: [target],
      auth: 'none',
      passThrough: true,
    })
    const send = (method: string, path: string, body?: object) =>
      fetch(url + path, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) })

    const created = await send('POST', '/api/posts', { title: 'Post 4' })
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('location'), '/api/posts/4')
    assert.equal((await send('PUT', '/api/posts/4', { title: 'Changed' })).status, 200)
    assert.equal((await send('PATCH', '/api/posts/4', { author: 'me' })).status, 200)
    assert.deepEqual(await (await send('GET', '/api/posts/4')).json(), { id: 4, title: 'Changed', author: 'me' })
    assert.equal((await send('HEAD', '/api/posts/4')).status, 200)
    assert.equal((await send('DELETE', '/api/posts/4')).status, 200)
    assert.equal((await send('GET', '/api/posts/4')).status, 404)

    const fresh = await send('GET', '/api/posts/1')
    const known = await get(`${url}/api/posts/1`, { 'if-none-match': fresh.headers.get('etag')! })
    assert.deepEqual([known.status, known.body], [304, ''])
    const page = await fetch(`${url}/api/posts?_page=1&_limit=2&title_like=Post`)
    assert.equal(page.headers.get('x-total-count'), '3')
    assert.equal(((await page.json()) as object[]).length, 2)
  })

  test("json-server at its own host: the pages it links to are the gateway's", async (t) => {
    const target = await startJsonServer(t)
    const url = await startGateway(t, {
      name: 'posts',
      hosts: ['posts.localhost'],
      preserveHost: true,
      targets: [target],
      auth: 'none',
      passThrough: true,
    })
    const host = `posts.localhost:${new URL(url).port}`
    const first = await get(`${url}/posts?_page=1&_limit=2`, { host })
    assert.equal(first.status, 200)
    const next = /<([^>]*)>; rel="next"/.exec(first.headers.link!)![1]!
    assert.equal(next, `http://${host}/posts?_page=2&_limit=2`)
    assert.equal(JSON.parse((await get(next.replace(`http://${host}`, url), { host })).body)[0].id, 3)
    assert.match((await get(`${url}/`, { host })).body, /<title>JSON Server/)
    assert.equal((await get(`${url}/posts`, { host: 'elsewhere.localhost' })).status, 404)
  })

  for (const [place, declaration, path] of [
    ['at its own host', { hosts: ['nodered.localhost'] }, '/'],
    ['under a prefix', { prefix: '/red', stripPrefix: true }, '/red/'],
  ] as const) {
    test(`node-red ${place}: its editor in the browser, and its WebSocket`, { skip: noBrowser }, async (t) => {
      const target = await startNodeRed(t)
      const gateway = await startGateway(t, {
        name: 'node-red',
        ...(structuredClone(declaration) as { prefix?: string }),
        targets: [target],
        passThrough: { auth: 'none', websocket: true },
      })
      const url = ('hosts' in declaration ? gateway.replace('127.0.0.1', 'nodered.localhost') : gateway) + path
      const browser = await launchBrowser()
      t.after(() => browser.close())
      const { page, foreign, errors } = await watchedPage(browser, url)
      const comms: string[] = []
      page.on('websocket', (socket) =>
        socket.on('framereceived', ({ payload }) => {
          comms.push(String(payload))
        }),
      )
      await page.goto(url)
      await page.locator('.red-ui-palette-node[data-palette-type="inject"]').waitFor()
      await page.locator('#red-ui-workspace-chart svg').first().waitFor()

      // a flow, deployed from the page: its API is asked under the same address
      const flow = [
        { id: 'a1', type: 'tab', label: 'Flow' },
        { id: 'a2', type: 'http in', z: 'a1', url: '/hello', method: 'get', x: 100, y: 100, wires: [['a3', 'a4']] },
        { id: 'a3', type: 'http response', z: 'a1', x: 300, y: 100, wires: [] },
        {
          id: 'a4',
          type: 'debug',
          z: 'a1',
          active: true,
          tosidebar: true,
          complete: 'payload',
          targetType: 'msg',
          x: 300,
          y: 200,
          wires: [],
        },
      ]
      const deploy = `fetch('flows', { method: 'POST', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(JSON.stringify(flow))} }).then((response) => response.status)`
      assert.equal(await page.evaluate(deploy), 204)
      const hello = await eventually(
        'the flow answers',
        async () =>
          (await page.evaluate("fetch('hello?to=you').then((response) => response.ok && response.text())")) as string,
      )
      assert.equal(hello, '{"to":"you"}')
      await eventually('the debug node reaches the editor over the WebSocket', () =>
        comms.some((frame) => frame.includes('"topic":"debug"') && frame.includes('you')),
      )
      assert.deepEqual(foreign, [])
      assert.deepEqual(
        errors.filter((error) => !/404/.test(error)),
        [],
      )
    })
  }

  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    test(`socket.io over ${transports.join(', then ')}: two clients talk`, async (t) => {
      const target = await startChat(t)
      const url = await startGateway(t, {
        name: 'chat',
        prefix: '/chat',
        stripPrefix: true,
        targets: [target],
        passThrough: { auth: 'none', websocket: true },
      })
      const { io } = application<{ io(url: string, options: object): ChatClient }>('socket.io-client')
      const connect = async () => {
        const client = io(url, { path: '/chat/socket.io', transports, reconnection: false, forceNew: true })
        t.after(() => client.close())
        if (!client.connected) {
          await Promise.race([
            once(client, 'connect'),
            once(client, 'connect_error').then(([error]) => {
              throw error
            }),
          ])
        }
        await eventually('the last transport is in use', () => client.io.engine.transport.name === transports.at(-1))
        return client
      }
      const [ada, grace] = [await connect(), await connect()]
      const heard = once(grace, 'chat message')
      const answered = once(ada, 'chat message')
      assert.equal(await ada.emitWithAck('chat message', 'hello, grace'), transports.at(-1))
      assert.deepEqual(await heard, ['hello, grace'])
      assert.deepEqual(await answered, ['hello, grace'])
      assert.equal(await grace.emitWithAck('file', Buffer.alloc(300_000, 7)), 300_000)
      const script = await fetch(`${url}/chat/socket.io/socket.io.js`)
      assert.match(await script.text(), /Socket\.IO v4/)
      for (const client of [ada, grace]) {
        const left = once(client, 'disconnect')
        client.close()
        await left
      }
    })
  }
})
