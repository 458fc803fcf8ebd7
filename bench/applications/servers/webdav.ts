import { createRequire } from 'node:module'
import { join } from 'node:path'

// Files over WebDAV, kept in memory.

interface Library {
  v2: { WebDAVServer: new (options: object) => { startAsync: () => Promise<unknown> } }
}

const load = createRequire(join(process.env.APPLICATIONS!, 'package.json'))
const {
  v2: { WebDAVServer },
} = load('webdav-server') as Library

await new WebDAVServer({ hostname: '127.0.0.1', port: Number(process.env.PORT) }).startAsync()
