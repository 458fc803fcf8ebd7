import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../child-process.ts'
import type { Application } from './application.ts'

interface Upload {
  url: string | null
  start: () => void
  abort: () => Promise<void>
}
interface Library {
  Upload: new (content: Buffer, options: object) => Upload
}

const CHUNK = 2 ** 20
const CHUNKS = 8

export const tus: Application = {
  name: 'tus',
  packages: { '@tus/server': '2.4.5', '@tus/file-store': '2.1.1', 'tus-js-client': '4.3.1' },

  async start(workshop) {
    const port = await freePort()
    const data = join(workshop.folder, 'data')
    mkdirSync(data)
    await workshop.serve([fileURLToPath(new URL('servers/tus.ts', import.meta.url))], port, { DATA: data })
    return [port]
  },

  async drive(drive) {
    const { url, workshop } = drive
    const { Upload } = workshop.load<Library>('tus-js-client')
    const content = Buffer.alloc(CHUNK * CHUNKS, 'a film of many scenes ')
    let address = ''
    const breakOff = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const upload = new Upload(content, {
          endpoint: `${url}/files`,
          chunkSize: CHUNK,
          retryDelays: null,
          metadata: { filename: 'größe.bin' },
          onError: reject,
          onChunkComplete: (_size: number, accepted: number) => {
            if (accepted < 3 * CHUNK) return
            address = upload.url!
            upload.abort().then(resolve, reject)
          },
        })
        upload.start()
      })
    await drive.step('upload that breaks off after three pieces, at an address of the gateway', breakOff)
    await drive.step('the rest of it, from where it broke off', async () => {
      assert.ok(address.startsWith(`${url}/files/`), `the upload is at ${address}`)
      const state = await fetch(address, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } })
      const offset = Number(state.headers.get('upload-offset'))
      assert.ok(offset >= 3 * CHUNK && offset < content.length, `${offset} bytes were kept`)
      let sent = 0
      await new Promise<void>((resolve, reject) => {
        const options = {
          uploadUrl: address,
          chunkSize: CHUNK,
          retryDelays: null,
          onError: reject,
          onSuccess: () => resolve(),
          onChunkComplete: (size: number) => {
            sent += size
          },
        }
        new Upload(content, options).start()
      })
      assert.equal(offset + sent, content.length)
    })
    await drive.step('read back', async () => {
      const response = await fetch(address)
      assert.ok(Buffer.from(await response.arrayBuffer()).equals(content), 'other bytes came back')
    })
  },
}
