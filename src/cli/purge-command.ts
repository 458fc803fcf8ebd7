import { CommandFailure } from './failure.ts'
import { askGateway, parseHeaders } from './gateway-page.ts'

interface PurgeOptions {
  url?: string
  prefix?: string
  tag?: string
  soft?: boolean
  gateway: string
  gatewayHeader: string[]
}

/** `gatehouse purge`: makes a running gateway, and all gateways that share its store, purge cached responses. */
export async function purge({ url, prefix, tag, soft = false, gateway, gatewayHeader }: PurgeOptions): Promise<number> {
  const what = Object.entries({ url, prefix, tag }).filter(([, value]) => value !== undefined)
  if (what.length !== 1) {
    throw new CommandFailure(
      `found ${what.length === 0 ? 'nothing to purge' : what.map(([name]) => `--${name}`).join(' and ')}, allowed: one of --url, --prefix and --tag`,
    )
  }
  const { purged } = await askGateway<{ purged: number }>(
    gateway,
    '',
    parseHeaders(gatewayHeader),
    { ...Object.fromEntries(what), soft },
    {
      page: 'a purge page',
      example: '/cache/purge',
      setting: 'cache.purge',
      isAnswer: (answer) => typeof answer.purged === 'number',
    },
  )
  process.stdout.write(`purged ${purged}\n`)
  return 0
}
