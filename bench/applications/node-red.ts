import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../child-process.ts'
import type { Application } from './application.ts'
import { MessageSocket } from './message-socket.ts'

/** An HTTP endpoint that greets, and tells the editor's debug panel whom. */
const FLOW = [
  { id: 'tab', type: 'tab', label: 'Greeting' },
  { id: 'in', z: 'tab', type: 'http in', url: '/hello', method: 'post', wires: [['text']] },
  {
    id: 'text',
    z: 'tab',
    type: 'template',
    field: 'payload',
    fieldType: 'msg',
    syntax: 'mustache',
    template: 'Hello {{payload.name}}',
    wires: [['out', 'seen']],
  },
  { id: 'out', z: 'tab', type: 'http response', wires: [] },
  { id: 'seen', z: 'tab', type: 'debug', active: true, tosidebar: true, complete: 'payload', wires: [] },
]

export const nodeRed: Application = {
  name: 'node-red',
  packages: { 'node-red': '5.0.7' },

  async start(workshop) {
    const port = await freePort()
    const settings = join(workshop.folder, 'settings.js')
    const content = {
      uiHost: '127.0.0.1',
      uiPort: port,
      telemetry: { enabled: false },
      logging: { console: { level: 'warn' } },
    }
    writeFileSync(settings, `module.exports = ${JSON.stringify(content)}\n`)
    const program = workshop.file('node-red', 'red.js')
    await workshop.serve([program, '--settings', settings, '--userDir', workshop.folder], port)
    return [port]
  },

  async drive(drive) {
    const { url } = drive
    await drive.step('editor page with its scripts', async () => {
      const page = await fetch(`${url}/`)
      assert.equal(page.status, 200)
      const scripts = [...(await page.text()).matchAll(/<script src="([^"]+)"/g)].map(([, source]) => source!)
      assert.ok(scripts.length > 0, 'the page has no script')
      for (const script of scripts) assert.equal((await fetch(new URL(script, `${url}/`))).status, 200, script)
    })
    let editor: MessageSocket | undefined
    await drive.step('WebSocket of the editor', async () => {
      editor = await MessageSocket.open(`${url.replace('http', 'ws')}/comms`)
      for (const topic of ['debug', 'notification/#']) editor.send(JSON.stringify({ subscribe: topic }))
    })
    await drive.step('deploy of a flow, told to the editor', async () => {
      const response = await fetch(`${url}/flows`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'node-red-deployment-type': 'full' },
        body: JSON.stringify(FLOW),
      })
      assert.equal(response.status, 204)
      await editor!.until((message) => message.includes('notification/runtime-deploy'))
    })
    await drive.step('call of the flow, seen in the debug panel', async () => {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${url}/hello`, { method: 'POST', headers, body: '{"name":"Ada"}' })
      assert.equal(response.status, 200)
      assert.equal(await response.text(), 'Hello Ada')
      await editor!.until((message) => message.includes('"topic":"debug"') && message.includes('Hello Ada'))
    })
    editor?.close()
  },
}
