import { parseHeaders } from './explain-command.ts'
import { CommandFailure } from './failure.ts'
import { askGateway } from './gateway-request.ts'

interface PurgeOptions {
  gateway: string
  gatewayHeader: string[]
  url?: string
  prefix?: string
  tag?: string
  soft?: boolean
}

/** `gatehouse purge`: has a running gateway put responses out of its cache. */
export async function purge ({ gateway, gatewayHeader, url, prefix, tag, soft }: PurgeOptions): Promise<number> {
  const what = Object.entries({ url, prefix, tag }).filter(([, value]) => value !== undefined)
  if (what.length !== 1) throw new CommandFailure('what is to be purged? Give one of --url, --prefix and --tag')
  const { purged } = await askGateway({ url: gateway, headers: parseHeaders(gatewayHeader), setting: 'cache.purge' }, '', { ...Object.fromEntries(what), ...soft ? { soft } : {} })
  process.stdout.write(`${purged} purged\n`)
  return 0
}
