import { createRequire } from 'node:module'
import { join } from 'node:path'

// Uploads that can be interrupted (tus 1.0), kept as files.

interface Server {
  listen: (options: { host: string; port: number }) => unknown
}
interface Library {
  Server: new (options: object) => Server
}
interface Files {
  FileStore: new (options: { directory: string }) => object
}

const load = createRequire(join(process.env.APPLICATIONS!, 'package.json'))
const { Server } = load('@tus/server') as Library
const { FileStore } = load('@tus/file-store') as Files

new Server({ path: '/files', datastore: new FileStore({ directory: process.env.DATA! }) }).listen({
  host: '127.0.0.1',
  port: Number(process.env.PORT),
})
