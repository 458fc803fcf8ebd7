import { ExplainedRequest } from '../admin/explained-request.ts'
import { checkAgainst } from '../config/schema-check.ts'
import { lookingConfig, type ConfigOptions } from './command-config.ts'
import { CommandFailure } from './failure.ts'
import { askGateway, parseHeaders } from './gateway-page.ts'

interface ExplainOptions extends ConfigOptions {
  header: string[]
  /** URL of the status page of a running gateway. When given, that gateway answers instead of one built here. */
  gateway?: string
  gatewayHeader: string[]
}

/**
 * `gatehouse explain METHOD URL`: shows what the gateway would do with a request, phase by phase. Nothing is forwarded.
 */
export async function explainRequest(method: string, url: string, options: ExplainOptions): Promise<number> {
  const headers = parseHeaders(options.header)
  if (!/^(https?:\/\/[^/?#]+)?(\/|\?|$)/i.test(url)) {
    throw new CommandFailure(`${JSON.stringify(url)} is no URL, allowed: a path such as /orders/1, or http://host/path`)
  }
  const [problem] = checkAgainst(ExplainedRequest, { method, url, headers }, 'explain')
  if (problem !== undefined) throw new CommandFailure(`${problem.field}: ${problem.message}`)
  if (options.gateway !== undefined) {
    const lines = await explainedBy(options.gateway, parseHeaders(options.gatewayHeader), { method, url, headers })
    process.stdout.write(`${lines.join('\n')}\n`)
    return 0
  }
  if (options.gatewayHeader.length > 0) {
    throw new CommandFailure('--gateway-header is for the gateway that --gateway names: give its URL too')
  }
  const config = await lookingConfig(options)
  const [{ buildApp }, { explain }, { FIRST_DISCOVERY }] = await Promise.all([
    import('../app.ts'),
    import('../admin/explain.ts'),
    import('../listener/process-listen.ts'),
  ])
  const app = await buildApp(config)
  await app.upstreams.discover(FIRST_DISCOVERY)
  const lines = await explain(app, { method: method.toUpperCase(), url, headers })
  if (config.keyless && headers.authorization !== undefined) {
    process.stderr.write('explain: no key is configured here, so that every token counts as invalid\n')
  }
  process.stdout.write(`${lines.join('\n')}\n`)
  await app.close()
  return 0
}

/** Asks a running gateway, which knows the state of its targets. */
async function explainedBy(
  gateway: string,
  headers: Record<string, string>,
  request: { method: string; url: string; headers: Record<string, string> },
): Promise<string[]> {
  const { lines } = await askGateway<{ lines: string[] }>(gateway, '/explain', headers, request, {
    page: 'a status page',
    example: '/status',
    setting: 'status',
    isAnswer: ({ lines }) => Array.isArray(lines),
  })
  return lines
}
