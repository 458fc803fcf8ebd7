import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from './child-process.ts'
import { findProgram, LOAD_CORE } from './programs.ts'

/** Requests that are sent over and over, for a time. */
export interface Load {
  url: string
  /** Sets of headers that are taken in turn, one for each request; one empty set when there is nothing to send. */
  headers: readonly Record<string, string>[]
  /** Sent with the method POST; without one the method is GET. */
  body?: string | undefined
  connections: number
  /** Requests a second; as many as are answered when there is none. */
  rate?: number
  /** Whole seconds. */
  seconds: number
  /** Folder for the generator's own files. */
  folder: string
}

/** What the load generator has seen. Latencies are in microseconds. */
export interface LoadResult {
  requests: number
  seconds: number
  p50: number
  p99: number
  /** Answers other than 2xx, and connections that broke or timed out. */
  errors: number
}

const wrk = findProgram('wrk')
export const loadGenerator: string = wrk === null ? 'autocannon' : 'wrk'

/** Sends a load from its own core and waits for its end. */
export async function sendLoad(load: Load): Promise<LoadResult> {
  const bound = (load.seconds + 15) * 1000
  if (load.rate !== undefined) {
    return JSON.parse(await runProgram(pacedLaunch(load, load.rate), LOAD_CORE, bound)) as LoadResult
  }
  if (wrk === null) return autocannonResult(await runProgram(autocannonLaunch(load), LOAD_CORE, bound))
  return wrkResult(await runProgram(wrkLaunch(wrk, load), LOAD_CORE, bound))
}

function wrkLaunch(command: string, { url, headers, body, connections, seconds, folder }: Load) {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '5s']
  if (headers.length === 1 && body === undefined) {
    for (const [name, value] of Object.entries(headers[0]!)) args.push('-H', `${name}: ${value}`)
  } else args.push('-s', rotation(folder, headers, body))
  return { command, args: [...args, url] }
}

/** A script for wrk that formats all requests beforehand and takes them in turn. */
function rotation(folder: string, headers: Load['headers'], body?: string): string {
  const file = join(folder, 'rotation.lua')
  const entries = headers.map(
    (set) =>
      `{${Object.entries(set)
        .map(([name, value]) => `[${JSON.stringify(name)}]=${JSON.stringify(value)}`)
        .join(',')}}`,
  )
  writeFileSync(
    file,
    `local sets = {${entries.join(',\n')}}
local requests, at = {}, 0
function init ()
  for i, set in ipairs(sets) do
    set['Host'] = wrk.headers['Host']
    requests[i] = wrk.format(${body === undefined ? "'GET', nil, set" : `'POST', nil, set, ${JSON.stringify(body)}`})
  end
end
function request ()
  at = at % #requests + 1
  return requests[at]
end
`,
  )
  return file
}

function pacedLaunch({ url, headers, connections, seconds }: Load, rate: number) {
  const program = fileURLToPath(new URL('paced-load.ts', import.meta.url))
  const args = [program, '--rate', String(rate), '--connections', String(connections), '--seconds', String(seconds)]
  for (const [name, value] of Object.entries(headers[0]!)) args.push('--header', `${name}: ${value}`)
  return { command: process.execPath, args: [...args, url] }
}

const UNITS: Record<string, number> = { us: 1, ms: 1e3, s: 1e6, m: 6e7 }

function wrkResult(text: string): LoadResult {
  const percentile = (name: number): number => {
    const [, amount, unit] = new RegExp(`^\\s+${name}%\\s+([\\d.]+)(us|ms|s|m)\\s*$`, 'm').exec(text) ?? []
    return amount === undefined ? NaN : Number(amount) * UNITS[unit!]!
  }
  const [, requests, amount, unit] = /(\d+) requests in ([\d.]+)(ms|s|m),/.exec(text) ?? []
  if (requests === undefined) throw new Error(`wrk said something unexpected: ${text}`)
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0)
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? []
  return {
    requests: Number(requests),
    seconds: (Number(amount) * UNITS[unit!]!) / 1e6,
    p50: percentile(50),
    p99: percentile(99),
    errors: socket.reduce((sum, count) => sum + Number(count), refused),
  }
}

function autocannonLaunch({ url, headers, body, connections, seconds }: Load) {
  const program = createRequire(import.meta.url).resolve('autocannon')
  const args = [program, '--json', '--no-progress', '--connections', String(connections), '--duration', String(seconds)]
  // it has no turn of headers on its command line: the first set stands for all
  for (const [name, value] of Object.entries(headers[0]!)) args.push('--headers', `${name}=${value}`)
  if (body !== undefined) args.push('--method', 'POST', '--body', body)
  return { command: process.execPath, args: [...args, url] }
}

function autocannonResult(text: string): LoadResult {
  const { requests, duration, latency, errors, timeouts, non2xx } = JSON.parse(text)
  return {
    requests: requests.total,
    seconds: duration,
    p50: latency.p50 * 1000,
    p99: latency.p99 * 1000,
    errors: errors + timeouts + non2xx,
  }
}
