import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import type { TestContext } from 'node:test'

/** Data of a record: an address, or the fields of an SRV record. */
type Data = string | { priority: number; weight: number; port: number; name: string }
interface RecordSet {
  ttl: number
  data: Data[]
}
type RecordType = 'A' | 'AAAA' | 'SRV'

const TYPES: Record<number, RecordType> = { 1: 'A', 28: 'AAAA', 33: 'SRV' }
const CODES = { A: 1, AAAA: 28, SRV: 33 }
const NOT_FOUND = 3
const SERVER_FAILURE = 2

/** A real name server on a port of this machine. */
export class DnsServer {
  readonly #socket = createSocket('udp4')
  readonly #records = new Map<string, RecordSet>()
  /** Types that it stumbles over. */
  readonly broken = new Set<RecordType>()
  questions = 0

  static async start(t: TestContext): Promise<DnsServer> {
    const server = new DnsServer()
    server.#socket.on('message', (message, from) => server.#answer(message, from)).bind(0, '127.0.0.1')
    await once(server.#socket, 'listening')
    t.after(() => server.#socket.close())
    return server
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  set(name: string, type: RecordType, data: Data[], ttl = 60): void {
    this.#records.set(`${type} ${name}`, { ttl, data })
  }

  #answer(message: Buffer, from: RemoteInfo): void {
    this.questions++
    const { name, end } = readName(message)
    const type = TYPES[message.readUInt16BE(end)]
    const found = type && this.#records.get(`${type} ${name}`)
    const known = [...this.#records.keys()].some((key) => key.endsWith(` ${name}`))
    const code = type && this.broken.has(type) ? SERVER_FAILURE : known ? 0 : NOT_FOUND
    const answers = code === 0 && found ? found.data.map((data) => record(type!, found.ttl, data)) : []
    const head = Buffer.alloc(12)
    message.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8580 | code, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    this.#socket.send(Buffer.concat([head, message.subarray(12, end + 4), ...answers]), from.port, from.address)
  }
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = 12
  while (message[at]! > 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + message[at]!))
    at += 1 + message[at]!
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function record(type: RecordType, ttl: number, data: Data): Buffer {
  const content =
    typeof data === 'string'
      ? address(data)
      : Buffer.concat([shorts(data.priority, data.weight, data.port), name(data.name)])
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(CODES[type], 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttl, 6)
  head.writeUInt16BE(content.length, 10)
  return Buffer.concat([head, content])
}

function address(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number))
  const [before, after = ''] = text.split('::')
  const [first, last] = [before!, after].map((part) =>
    part
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16)),
  )
  return shorts(...first!, ...Array(8 - first!.length - last!.length).fill(0), ...last!)
}

const shorts = (...values: number[]): Buffer => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]))
/** Labels are parted by dots. */
const name = (text: string): Buffer =>
  Buffer.concat([
    ...text.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ])
