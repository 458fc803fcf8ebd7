import { lookingConfig, type ConfigOptions } from './command-config.ts'
import { CommandFailure } from './failure.ts'
import { askGateway } from './gateway-request.ts'

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

/** `gatehouse explain METHOD URL`: what would be done with a request, stage by stage. Nothing is forwarded. */
export async function explainRequest (method: string, url: string, options: ExplainOptions): Promise<number> {
  const headers = parseHeaders(options.header)
  if (!/^(https?:\/\/[^/?#]+)?(\/|\?|$)/i.test(url)) throw new CommandFailure(`${JSON.stringify(url)} is no URL, allowed: a path such as /orders/1, or http://host/path`)
  if (options.gateway !== undefined) {
    const { lines } = await askGateway({ url: options.gateway, headers: parseHeaders(options.gatewayHeader), setting: 'status' }, '/explain', { method, url, headers })
    process.stdout.write(`${[lines].flat().join('\n')}\n`)
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
