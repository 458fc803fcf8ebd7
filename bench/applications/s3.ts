import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../child-process.ts'
import type { Application, Drive } from './application.ts'

type Command = new (input: Record<string, unknown>) => object
type Sender = (sent: { request: { path: string } }) => unknown
interface Client {
  middlewareStack: { add: (middleware: (next: Sender) => Sender, options: { step: 'build' }) => void }
  send: <T>(command: object) => Promise<T>
  destroy: () => void
}
interface Library {
  S3Client: new (options: object) => Client
  [command: `${string}Command`]: Command
}
interface Presigner {
  getSignedUrl: (client: Client, command: object, options: object) => Promise<string>
}
interface Content {
  Body: { transformToString: () => Promise<string>; transformToByteArray: () => Promise<Uint8Array> }
}
interface Failure {
  $metadata?: { httpStatusCode?: number }
}

const BUCKET = 'photos'
const PART = 5 * 2 ** 20
/** What S3 allows in a key, and proxies like to change. */
const KEYS = [
  'plain.txt',
  'a folder/with spaces.txt',
  'a//b.txt',
  '//two slashes first',
  'http://example.com/x',
  'a+b=c&d.txt',
  'größe/日本.txt',
  'a;v=1/b.txt',
  '..;/c.txt',
  'a%2fb.txt',
  '%2e%2e/d',
  '100%.txt',
  'x/.hidden./y',
  "quote'(1)*!.txt",
  'a#b?c.txt',
  'tab\there',
  'back\\slash',
  'at the end/',
]
/** The server keeps objects as files, where `a//b` is `a/b`, and lists these characters in an escape too many. */
const LISTED = KEYS.filter((key) => !/\/\/|[&']/.test(key))

function connect({ workshop, url }: Drive, secretAccessKey: string): Client {
  const { S3Client } = workshop.load<Library>('@aws-sdk/client-s3')
  const client = new S3Client({
    endpoint: url,
    forcePathStyle: true,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'S3RVER', secretAccessKey },
    maxAttempts: 1,
    // the server does not know the checksums in trailers that clients send since 2025
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  // the server verifies the path of a bucket without the slash that this client puts at its end
  client.middlewareStack.add(
    (next) => (sent) => {
      sent.request.path = sent.request.path.replace(/^(\/[^/]+)\/$/, '$1')
      return next(sent)
    },
    { step: 'build' },
  )
  return client
}

export const s3: Application = {
  name: 's3',
  packages: {
    '@20minutes/s3rver': '5.0.0',
    '@aws-sdk/client-s3': '3.1175.0',
    '@aws-sdk/s3-request-presigner': '3.1169.0',
  },

  async start(workshop) {
    const port = await freePort()
    const data = join(workshop.folder, 'data')
    mkdirSync(data)
    await workshop.serve([fileURLToPath(new URL('servers/s3.ts', import.meta.url))], port, { DATA: data })
    return [port]
  },

  async drive(drive) {
    const { workshop } = drive
    const commands = workshop.load<Library>('@aws-sdk/client-s3')
    const { getSignedUrl } = workshop.load<Presigner>('@aws-sdk/s3-request-presigner')
    const client = connect(drive, 'S3RVER')
    const send = <T>(name: string, input: Record<string, unknown>, by = client): Promise<T> =>
      by.send<T>(new commands[`${name}Command`]!({ Bucket: BUCKET, ...input }))
    const text = async (Key: string): Promise<string> =>
      (await send<Content>('GetObject', { Key })).Body.transformToString()

    await drive.step('bucket', () => send('CreateBucket', {}))
    await drive.step('a wrong secret is refused', async () => {
      const stranger = connect(drive, 'not the secret')
      await assert.rejects(send('PutObject', { Key: 'x', Body: 'x' }, stranger), { name: 'SignatureDoesNotMatch' })
      await assert.rejects(send('ListObjectsV2', {}, stranger), { name: 'SignatureDoesNotMatch' })
    })
    for (const Key of KEYS) {
      await drive.step(`put and get of "${Key}"`, async () => {
        await send('PutObject', { Key, Body: `content of ${Key}` })
        assert.equal(await text(Key), `content of ${Key}`)
      })
    }
    await drive.step('list, and delete', async () => {
      const list = async (): Promise<string[]> => {
        const { Contents } = await send<{ Contents: Array<{ Key: string }> }>('ListObjectsV2', {})
        return Contents.map(({ Key }) => Key)
      }
      const listed = await list()
      assert.deepEqual(
        LISTED.filter((key) => !listed.includes(key)),
        [],
        `listed are ${listed.join()}`,
      )
      for (const Key of LISTED) await send('DeleteObject', { Key })
      const left = await list()
      assert.deepEqual(
        LISTED.filter((key) => left.includes(key)),
        [],
      )
      await assert.rejects(text('plain.txt'), { name: 'NoSuchKey' })
    })
    await drive.step('list by prefix and delimiter', async () => {
      for (const Key of ['2025/a b.txt', '2025/c.txt', '2026/d.txt']) await send('PutObject', { Key, Body: Key })
      const folders = { Prefix: '20', Delimiter: '/' }
      const { CommonPrefixes } = await send<{ CommonPrefixes: object[] }>('ListObjectsV2', folders)
      assert.deepEqual(CommonPrefixes, [{ Prefix: '2025/' }, { Prefix: '2026/' }])
      const { Contents } = await send<{ Contents: Array<{ Key: string }> }>('ListObjectsV2', { Prefix: '2025/' })
      assert.deepEqual(
        Contents.map(({ Key }) => Key),
        ['2025/a b.txt', '2025/c.txt'],
      )
    })
    await drive.step('range and condition', async () => {
      const { Body } = await send<Content>('GetObject', { Key: '2026/d.txt', Range: 'bytes=5-7' })
      assert.equal(await Body.transformToString(), 'd.t')
      const { ETag } = await send<{ ETag: string }>('HeadObject', { Key: '2026/d.txt' })
      const again = send('GetObject', { Key: '2026/d.txt', IfNoneMatch: ETag })
      await assert.rejects(again, (error: Failure) => error.$metadata?.httpStatusCode === 304)
    })
    await drive.step('upload in three parts', async () => {
      const bytes = Buffer.alloc(2 * PART + 1000, 'part')
      const { UploadId } = await send<{ UploadId: string }>('CreateMultipartUpload', { Key: 'large.bin' })
      const Parts: object[] = []
      for (let PartNumber = 1; PartNumber <= 3; PartNumber++) {
        const Body = bytes.subarray((PartNumber - 1) * PART, PartNumber * PART)
        const { ETag } = await send<{ ETag: string }>('UploadPart', { Key: 'large.bin', UploadId, PartNumber, Body })
        Parts.push({ ETag, PartNumber })
      }
      await send('CompleteMultipartUpload', { Key: 'large.bin', UploadId, MultipartUpload: { Parts } })
      const { Body } = await send<Content>('GetObject', { Key: 'large.bin' })
      assert.ok(Buffer.from(await Body.transformToByteArray()).equals(bytes), 'other bytes came back')
    })
    await drive.step('presigned URLs, also with a key of odd characters', async () => {
      for (const Key of ['2025/a b.txt', 'a//b;v=1 +ü.txt']) {
        const object = { Bucket: BUCKET, Key }
        const put = await getSignedUrl(client, new commands.PutObjectCommand!(object), { expiresIn: 60 })
        assert.equal((await fetch(put, { method: 'PUT', body: 'by URL' })).status, 200)
        const get = await getSignedUrl(client, new commands.GetObjectCommand!(object), { expiresIn: 60 })
        assert.equal(await (await fetch(get)).text(), 'by URL')
        assert.equal((await fetch(get.replace(/Signature=..../, 'Signature=0000'))).status, 403)
      }
    })
    client.destroy()
  },
}
