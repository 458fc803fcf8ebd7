import { createRequire } from 'node:module'
import { join } from 'node:path'

// An S3 server that keeps objects in files. It verifies signatures of version 4; the one key pair is S3RVER, S3RVER.

interface Server {
  run: () => Promise<unknown>
}

const load = createRequire(join(process.env.APPLICATIONS!, 'package.json'))
const S3rver = load('@20minutes/s3rver') as new (options: object) => Server

await new S3rver({
  address: '127.0.0.1',
  port: Number(process.env.PORT),
  directory: process.env.DATA,
  serviceEndpoint: 'localhost',
  silent: true,
}).run()
