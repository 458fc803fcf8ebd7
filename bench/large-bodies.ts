import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './child-process.ts'
import { folder, gateway, prove, report } from './proof.ts'

/**
 * Proves that large bodies pass with flat memory: 1 GiB up and 1 GiB down through a gateway process, and a slow reader
 * and a slow writer beside them. `npm run proof:bodies`; `--mebibytes n` for less.
 */
const at = process.argv.indexOf('--mebibytes')
const MEBIBYTES = at === -1 ? 1024 : Number(process.argv[at + 1])
const PIECE = Buffer.alloc(1024 * 1024, 'x')
/** Most MiB that the gateway may grow by. */
const GROWTH = 150
/** MiB that a slow end takes. */
const SLOW_MEBIBYTES = 32

/** Writes so many pieces, no faster than they are taken. */
async function pour(sink: NodeJS.WritableStream, pieces: number, pause = 0): Promise<void> {
  for (let i = 0; i < pieces; i++) {
    if (!sink.write(PIECE)) await new Promise((resolve) => sink.once('drain', resolve))
    if (pause > 0) await wait(pause)
  }
  sink.end()
}

/** The length of a body, read with a pause after each mebibyte. */
async function lengthOf(stream: IncomingMessage, pause = 0): Promise<number> {
  let length = 0
  let paused = 0
  for await (const chunk of stream) {
    length += (chunk as Buffer).length
    if (pause > 0 && length - paused >= PIECE.length) {
      paused = length
      await wait(pause)
    }
  }
  return length
}

await prove(async () => {
  const backend = createServer(async (incoming, response) => {
    if (incoming.method === 'GET') {
      await pour(response, Number(new URL(incoming.url!, 'http://x').searchParams.get('pieces')))
    } else response.end(String(await lengthOf(incoming)))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => backend.once('listening', resolve))
  writeFileSync(
    join(folder, 'bodies.json'),
    JSON.stringify({
      name: 'bodies',
      auth: 'none',
      targets: [`http://127.0.0.1:${(backend.address() as AddressInfo).port}`],
      routes: [{ method: ['GET', 'PUT'], url: '/x' }],
    }),
  )
  const port = await freePort()
  const { pid } = await gateway(port)
  const memory = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

  const upload = (pieces: number, pause = 0): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(
        { port, path: '/x', method: 'PUT', headers: { 'content-length': String(pieces * PIECE.length) } },
        async (response) => {
          let text = ''
          for await (const chunk of response.setEncoding('utf8')) text += chunk
          resolve(Number(text))
        },
      ).on('error', reject)
      pour(sent, pieces, pause).catch(reject)
    })
  const download = (pieces: number, pause = 0): Promise<number> =>
    new Promise((resolve, reject) => {
      get({ port, path: `/x?pieces=${pieces}` }, (response) => {
        lengthOf(response, pause).then(resolve, reject)
      }).on('error', reject)
    })
  /** Does something while the memory of the gateway is watched. */
  const watched = async (what: string, pieces: number, work: () => Promise<number>): Promise<void> => {
    await upload(1)
    const before = memory()
    let most = before
    const timer = setInterval(() => {
      most = Math.max(most, memory())
    }, 50)
    const begin = performance.now()
    const length = await work()
    clearInterval(timer)
    const seconds = (performance.now() - begin) / 1000
    report(`${what}: MiB that arrived`, length / PIECE.length, String(pieces), length === pieces * PIECE.length)
    report(
      `${what}: growth of the gateway in MiB, and MiB/s`,
      [Math.round(most - before), Math.round(pieces / seconds)],
      `at most ${GROWTH}`,
      most - before <= GROWTH,
    )
  }
  await watched('upload', MEBIBYTES, () => upload(MEBIBYTES))
  await watched('download', MEBIBYTES, () => download(MEBIBYTES))
  await watched('upload by a slow writer', SLOW_MEBIBYTES, () => upload(SLOW_MEBIBYTES, 30))
  await watched('download by a slow reader', SLOW_MEBIBYTES, () => download(SLOW_MEBIBYTES, 30))
  backend.close()
  backend.closeAllConnections()
})
