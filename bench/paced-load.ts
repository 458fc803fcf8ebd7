import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'

/**
 * Sends requests at a rate, whatever the server does: `node bench/paced-load.ts --rate 5000 --connections 64 --seconds
 * 3 --header 'name: value' URL`.
 *
 * A request is taken up when it is due, and its time counts from then on, also while it waits for a connection: a
 * server that pauses is charged for all that was due meanwhile, and not for the one request that it has kept waiting
 * (coordinated omission). How late this process itself wakes up is not counted.
 */

/** Milliseconds that are given for the answers to what was sent last. */
const GRACE = 2000
const HEAD_END = '\r\n\r\n'

/** Requests that were due, at what time. */
const waiting: number[] = []
const idle: Connection[] = []
/** Microseconds. */
const latencies: number[] = []
let errors = 0

const {
  values,
  positionals: [target = ''],
} = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: 'string' },
    connections: { type: 'string' },
    seconds: { type: 'string' },
    header: { type: 'string', multiple: true, default: [] },
  },
})
const url = new URL(target)
const [rate, seconds] = [Number(values.rate), Number(values.seconds)]
const message = Buffer.from(
  [`GET ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`, ...values.header, '', ''].join('\r\n'),
  'latin1',
)

/** One connection with at most one request under way. */
class Connection {
  readonly #socket: Socket
  #received = ''
  /** When the request under way was due; null when there is none. */
  dueAt: number | null = null

  constructor() {
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('connect', () => this.#free())
    this.#socket.on('data', (text: string) => this.#hear(text))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      if (!isOver) errors++
    })
  }

  send(dueAt: number): void {
    this.dueAt = dueAt
    this.#socket.write(message)
  }

  #hear(text: string): void {
    this.#received += text
    const bodyAt = this.#received.indexOf(HEAD_END) + HEAD_END.length
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#received)?.[1]
    if (bodyAt < HEAD_END.length || this.#received.length < bodyAt + Number(length ?? 0)) return
    if (length === undefined || !this.#received.startsWith('HTTP/1.1 2')) errors++
    latencies.push((performance.now() - this.dueAt!) * 1000)
    this.#received = ''
    this.#free()
  }

  #free(): void {
    this.dueAt = null
    const next = waiting.shift()
    if (next === undefined) idle.push(this)
    else this.send(next)
    // more often than timers are, so that requests do not come in bursts
    takeUp()
  }
}

let isOver = false
let due = 0
let begin = Infinity

/** Takes up what is due by now. */
function takeUp(): void {
  const now = performance.now()
  const elapsed = Math.min(now - begin, seconds * 1000)
  for (; due < (elapsed * rate) / 1000; due++) {
    const connection = idle.pop()
    if (connection === undefined) waiting.push(now)
    else connection.send(now)
  }
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

const connections = Array.from({ length: Number(values.connections) }, () => new Connection())
const isOpen = (): boolean => idle.length === connections.length || errors > 0
while (!isOpen()) await pause(1)
begin = performance.now()
while (performance.now() - begin < seconds * 1000) {
  takeUp()
  await pause(1)
}
const pending = (): number[] => [...waiting, ...connections.flatMap(({ dueAt }) => dueAt ?? [])]
const end = performance.now()
while (pending().length > 0 && performance.now() - end < GRACE) await pause(1)
isOver = true
// what has no answer yet took at least until now
const sorted = Float64Array.from([...latencies, ...pending().map((dueAt) => (performance.now() - dueAt) * 1000)]).sort()
const percentile = (share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
console.log(
  JSON.stringify({ requests: latencies.length, seconds, p50: percentile(0.5), p99: percentile(0.99), errors }),
)
process.exit(0)
