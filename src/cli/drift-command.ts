import { stringify } from 'yaml'
import type { Drift, OperationDrift, Seen } from '../openapi/drift/drift-record.ts'
import type { Overlay } from '../openapi/drift/drift-overlay.ts'
import { CommandFailure } from './failure.ts'
import { askGateway, parseHeaders } from './gateway-page.ts'

interface DriftOptions {
  gateway: string
  gatewayHeader: string[]
  upstream?: string
  overlay?: boolean
  json?: boolean
}

interface DriftAnswer {
  drift: (Drift & { overlay: Overlay })[]
}

/** `gatehouse drift`: lists where the traffic of a running gateway differs from the documents of its upstreams. */
export async function drift({ gateway, gatewayHeader, upstream, overlay, json }: DriftOptions): Promise<number> {
  const answer = await askGateway<DriftAnswer>(
    gateway,
    '/drift',
    parseHeaders(gatewayHeader),
    {},
    {
      page: 'the status page',
      example: '/status',
      setting: 'status',
      isAnswer: (said) => Array.isArray(said.drift),
    },
  )
  const all = answer.drift.filter((record) => upstream === undefined || record.upstream === upstream)
  if (all.length === 0) {
    throw new CommandFailure(
      upstream === undefined
        ? 'no upstream of this gateway has a document (`openapi` in its file)'
        : `no upstream "${upstream}" with a document, there are: ${answer.drift.map((record) => record.upstream).join(', ') || 'none'}`,
    )
  }
  if (overlay) {
    if (all.length > 1) {
      throw new CommandFailure(
        `an overlay is of one document, choose with --upstream: ${all.map((record) => record.upstream).join(', ')}`,
      )
    }
    process.stdout.write(json ? `${JSON.stringify(all[0]!.overlay, null, 2)}\n` : stringify(all[0]!.overlay))
    return 0
  }
  process.stdout.write(
    json
      ? `${JSON.stringify(
          all.map(({ overlay: _, ...record }) => record),
          null,
          2,
        )}\n`
      : `${all.flatMap(driftLines).join('\n')}\n`,
  )
  return 0
}

/** The report as text. It lists only differences. */
export function driftLines({ upstream, document, since, neverCalled, undescribed, operations }: Drift): string[] {
  const lines = [`${upstream} (${document}), since ${since}`]
  const section = (title: string, rows: string[]): void => {
    if (rows.length > 0) lines.push(`  ${title}`, ...rows.map((row) => `    ${row}`))
  }
  section('calls that no operation describes', seenRows(undescribed))
  for (const operation of operations) {
    section(`${operation.method} ${operation.path}, called ${operation.calls} times`, operationRows(operation))
  }
  section('operations that nobody has called', neverCalled)
  if (lines.length === 1) lines.push('  traffic and document agree')
  return lines
}

const operationRows = ({ statuses, query, requestFields, responseFields }: OperationDrift): string[] => [
  ...seenRows(statuses, 'undeclared status '),
  ...seenRows(query, 'undeclared in the query: '),
  ...seenRows(requestFields, 'undeclared in requests: '),
  ...seenRows(responseFields, 'undeclared in answers: '),
]

const seenRows = (seen: Record<string, Seen>, before = ''): string[] =>
  Object.entries(seen).map(
    ([name, { count, example }]) => `${before}${name}  ${count}x${example === undefined ? '' : `, ${example}`}`,
  )
