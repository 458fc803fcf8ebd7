import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../child-process.ts'
import type { Application } from './application.ts'
import { MessageSocket } from './message-socket.ts'

const STYLE = 'style.css'
const style = (color: string): string => `body { color: ${color} }\n`

export const vite: Application = {
  name: 'vite',
  packages: { vite: '8.4.0' },

  async start(workshop) {
    const port = await freePort()
    const { folder } = workshop
    writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="/main.ts"></script>\n')
    const script = [`import './${STYLE}'`, "const greeting: string = 'hello'", 'console.log(greeting)', '']
    writeFileSync(join(folder, 'main.ts'), script.join('\n'))
    writeFileSync(join(folder, STYLE), style('black'))
    const program = workshop.file('vite', 'bin', 'vite.js')
    const options = ['--host', '127.0.0.1', '--port', String(port), '--strictPort']
    await workshop.serve([program, folder, ...options], port, { NODE_ENV: 'development' })
    return [port]
  },

  async drive(drive) {
    const {
      url,
      workshop: { folder },
    } = drive
    const text = async (path: string): Promise<string> => {
      const response = await fetch(url + path)
      assert.equal(response.status, 200, path)
      return response.text()
    }
    await drive.step('page, and a TypeScript module as JavaScript', async () => {
      assert.match(await text('/'), /\/@vite\/client/)
      const script = await text('/main.ts')
      assert.match(script, /const greeting = ['"]hello['"]/)
      assert.match(await text(`/${STYLE}`), /color: black/)
    })
    await drive.step('hot reload over its WebSocket when a file changes', async () => {
      const token = /wsToken = "([^"]+)"/.exec(await text('/@vite/client'))?.[1]
      assert.ok(token !== undefined, 'the client has no token')
      const page = await MessageSocket.open(`${url.replace('http', 'ws')}/?token=${token}`, ['vite-hmr'])
      await page.until((message) => message.includes('"connected"'))
      writeFileSync(join(folder, STYLE), style('red'))
      await page.until((message) => message.includes('"update"') && message.includes(`/${STYLE}`))
      assert.match(await text(`/${STYLE}`), /color: red/)
      page.close()
    })
  },
}
