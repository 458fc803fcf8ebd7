import { reasonOf } from '../errors.ts'
import { lookingConfig, type ConfigOptions } from './command-config.ts'
import { CommandFailure } from './failure.ts'

/** `name: value` lines as headers; a name that comes twice is one header with both values. */
export function parseHeaders (lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined) throw new CommandFailure(`-H ${JSON.stringify(line)} is no header, allowed: 'name: value'`)
    const key = name.toLowerCase()
    headers[key] = Object.hasOwn(headers, key) ? `${headers[key]}, ${value}` : value!
  }
  return headers
}

interface ExplainOptions extends ConfigOptions {
  header: string[]
  /** Status page of a running gateway, which is asked instead. */
  gateway?: string
  gatewayHeader: string[]
}

/** Milliseconds that a running gateway may take to answer. */
const PATIENCE = 10_000

/** `gatehouse explain METHOD URL`: what would be done with a request, stage by stage. Nothing is forwarded. */
export async function explainRequest (method: string, url: string, options: ExplainOptions): Promise<number> {
  const headers = parseHeaders(options.header)
  if (!/^(https?:\/\/[^/?#]+)?(\/|\?|$)/i.test(url)) throw new CommandFailure(`${JSON.stringify(url)} is no URL, allowed: a path such as /orders/1, or http://host/path`)
  if (options.gateway !== undefined) {
    const lines = await explainedBy(options.gateway, parseHeaders(options.gatewayHeader), { method, url, headers })
    process.stdout.write(`${lines.join('\n')}\n`)
    return 0
  }
  if (options.gatewayHeader.length > 0) throw new CommandFailure('--gateway-header is for the gateway that --gateway names: give its URL too')
  const config = await lookingConfig(options)
  const [{ buildApp }, { explain }, { FIRST_DISCOVERY }] = await Promise.all([import('../app.ts'), import('../admin/explain.ts'), import('../listener/process-listen.ts')])
  const app = await buildApp(config)
  await app.upstreams.discover(FIRST_DISCOVERY)
  const lines = await explain(app, { method: method.toUpperCase(), url, headers })
  if (config.keyless && headers.authorization !== undefined) process.stderr.write('explain: no key is configured here, so that every token counts as invalid\n')
  process.stdout.write(`${lines.join('\n')}\n`)
  await app.close()
  return 0
}

/** Asks a running gateway, which knows how its targets do. */
async function explainedBy (gateway: string, headers: Record<string, string>, request: { method: string, url: string, headers: Record<string, string> }): Promise<string[]> {
  if (!/^https?:\/\/[^/?#]+\/[^?#]*$/.test(gateway)) throw new CommandFailure(`--gateway ${JSON.stringify(gateway)} is no URL of a status page, allowed: http://127.0.0.1:3000/status`)
  let answer: Response
  try {
    answer = await fetch(`${gateway.replace(/\/$/, '')}/explain`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(request), redirect: 'error', signal: AbortSignal.timeout(PATIENCE) })
  } catch (error) {
    throw new CommandFailure(`${gateway} does not answer: ${reasonOf((error as Error).cause ?? error)}`)
  }
  const { lines, detail } = await answer.json().catch(() => ({})) as { lines?: string[], detail?: string }
  if (answer.ok && Array.isArray(lines)) return lines
  const advice = answer.status === 404 ? "expected the path of 'status' in its configuration" : answer.status === 401 || answer.status === 403 ? "send what its 'status.auth' asks for with --gateway-header 'name: value'" : detail ?? 'no gateway of this version'
  throw new CommandFailure(`${gateway} answers ${answer.status}: ${advice}`)
}
