import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { freePort } from '../child-process.ts'
import type { Application } from './application.ts'

interface Entry {
  basename: string
  type: string
  size: number
}
interface Client {
  createDirectory: (path: string) => Promise<void>
  putFileContents: (path: string, content: string) => Promise<boolean>
  getFileContents: (path: string, options: { format: 'text' }) => Promise<string>
  getDirectoryContents: (path: string) => Promise<Entry[]>
  copyFile: (from: string, to: string) => Promise<void>
  moveFile: (from: string, to: string) => Promise<void>
  deleteFile: (path: string) => Promise<void>
  exists: (path: string) => Promise<boolean>
  lock: (path: string) => Promise<{ token: string }>
  unlock: (path: string, token: string) => Promise<void>
}
interface Library {
  createClient: (url: string) => Client
}

export const webdav: Application = {
  name: 'webdav',
  packages: { 'webdav-server': '2.6.3', webdav: '5.11.0' },

  async start(workshop) {
    const port = await freePort()
    await workshop.serve([fileURLToPath(new URL('servers/webdav.ts', import.meta.url))], port)
    return [port]
  },

  async drive(drive) {
    const client = drive.workshop.load<Library>('webdav').createClient(drive.url)
    const locks = async (path: string): Promise<string> =>
      (await fetch(drive.url + path, { method: 'PROPFIND', headers: { depth: '0' } })).text()
    const text = (path: string): Promise<string> => client.getFileContents(path, { format: 'text' })

    await drive.step('MKCOL, PUT, GET, and PROPFIND of a folder', async () => {
      await client.createDirectory('/größe & maß')
      await client.putFileContents('/größe & maß/a b.txt', 'eins')
      assert.equal(await text('/größe & maß/a b.txt'), 'eins')
      const entries = await client.getDirectoryContents('/größe & maß')
      assert.deepEqual(
        entries.map(({ basename, type, size }) => `${type} ${basename} ${size}`),
        ['file a b.txt 4'],
      )
    })
    await drive.step('COPY and MOVE, whose Destination is at the gateway', async () => {
      await client.copyFile('/größe & maß/a b.txt', '/copy.txt')
      await client.moveFile('/größe & maß/a b.txt', '/moved.txt')
      assert.deepEqual([await text('/copy.txt'), await text('/moved.txt')], ['eins', 'eins'])
      assert.equal(await client.exists('/größe & maß/a b.txt'), false)
    })
    await drive.step('LOCK, UNLOCK and DELETE', async () => {
      const { token } = await client.lock('/copy.txt')
      assert.ok((await locks('/copy.txt')).includes(token), 'the lock is not listed')
      await client.unlock('/copy.txt', token)
      assert.ok(!(await locks('/copy.txt')).includes(token), 'the lock is still listed')
      await client.deleteFile('/copy.txt')
      assert.equal(await client.exists('/copy.txt'), false)
    })
  },
}
