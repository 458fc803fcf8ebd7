import { askGateway, parseHeaders } from './gateway-page.ts'

/** `gatehouse refresh`: makes a running gateway check now whether the documents that it fetches have changed. */
export async function refresh({
  gateway,
  gatewayHeader,
}: {
  gateway: string
  gatewayHeader: string[]
}): Promise<number> {
  const { refreshed } = await askGateway<{ refreshed: { upstream: string; document: string; changed: boolean }[] }>(
    gateway,
    '/refresh',
    parseHeaders(gatewayHeader),
    {},
    {
      page: 'the status page',
      example: '/status',
      setting: 'status',
      isAnswer: (said) => Array.isArray(said.refreshed),
    },
  )
  const lines = refreshed.map(
    ({ upstream, document, changed }) =>
      `${upstream} (${document}): ${changed ? 'has changed' : 'no change, or it cannot be read'}`,
  )
  process.stdout.write(`${lines.join('\n') || 'no document of this gateway comes from a URL'}\n`)
  return 0
}
