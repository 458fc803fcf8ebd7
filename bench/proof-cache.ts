import { writeFileSync, mkdirSync } from 'node:fs'
import { createServer, Agent, request, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { freePort } from './child-process.ts'
import { folder, GATEWAY, program } from './proof.ts'

/**
 * Proves of the cache, on a gateway as a process of its own: `npm run proof:cache`. 10,000 misses of one key at the
 * same time reach the upstream once; an upstream that is killed is served stale without an error for as long as was
 * said, and not longer.
 */

/** Each on a connection of its own. */
const MISSES = 10_000
const GRACE_SECONDS = 8

let asked = 0
const held = Promise.withResolvers<ServerResponse>()
const origin = createServer((incoming, response) => {
  asked++
  if (incoming.url === '/held') held.resolve(response)
  else response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'max-age=1' }).end('stored')
})
const originPort = await freePort()
await new Promise<void>((resolve) => {
  origin.listen(originPort, '127.0.0.1', resolve)
})
mkdirSync(join(folder, 'routes'))
writeFileSync(
  join(folder, 'routes/a.json'),
  JSON.stringify({
    name: 'a',
    auth: 'none',
    targets: [`http://127.0.0.1:${originPort}`],
    passThrough: true,
    cache: { grace: `${GRACE_SECONDS}s` },
  }),
)
writeFileSync(
  join(folder, 'gatehouse.config.json'),
  JSON.stringify({ routes: './routes', docs: false, log: { access: false, level: 'info' }, metrics: { auth: 'none' } }),
)
const port = await freePort()
await program(
  process.execPath,
  [GATEWAY, 'start', '--config', join(folder, 'gatehouse.config.json'), '--port', String(port)],
  /ready on/,
)

const agent = new Agent({ keepAlive: true, maxSockets: MISSES })
const sent = { count: 0 }
const ask = (path: string): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = ''
      response
        .setEncoding('utf8')
        .on('data', (text) => {
          body += text
        })
        .on('error', reject)
        .on('end', () => resolve({ status: response.statusCode!, body }))
    })
      .on('error', reject)
      .on('finish', () => {
        sent.count++
      })
      .end()
  })
const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

let failed = false
function tell(what: string, holds: boolean, figures: string): void {
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${what}: ${figures}`)
  failed ||= !holds
}

const begun = performance.now()
const answers = Array.from({ length: MISSES }, () => ask('/held'))
const answer = await held.promise
// until all are connected and have asked
while (sent.count < MISSES) await pause(20)
await pause(1000)
const before = asked
answer.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'max-age=60' }).end('one for all')
const all = await Promise.all(answers)
tell(
  `${MISSES} misses of one key at the same time`,
  asked === 1 && before === 1 && all.every(({ status, body }) => status === 200 && body === 'one for all'),
  `${asked} at the upstream, ${all.filter(({ status }) => status === 200).length} answered 200, ${Math.round(performance.now() - begun)} ms`,
)

asked = 0
await ask('/x')
origin.close()
origin.closeAllConnections()
await pause(1500)
const until = performance.now() + (GRACE_SECONDS - 2) * 1000
let served = 0
let errors = 0
while (performance.now() < until) {
  const { status, body } = await ask('/x').catch(() => ({ status: 0, body: '' }))
  if (status === 200 && body === 'stored') served++
  else errors++
  await pause(2)
}
tell(
  `an upstream that is gone, grace ${GRACE_SECONDS} s`,
  errors === 0 && served > 0,
  `${served} served stale, ${errors} errors`,
)
await pause(4000)
const { status } = await ask('/x')
tell('after the grace', status === 502, `answered ${status}`)
process.exit(failed ? 1 : 0)
