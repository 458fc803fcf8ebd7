import { authForm, type AuthDeclaration } from '../auth/auth-schema.ts'
import { byText, type LimitRule } from '../limits/limit-schema.ts'
import { isAsIs } from '../proxy/upstream-path.ts'
import { FORWARDED_METHODS } from '../upstream/declaration-schema.ts'
import type { RouteRow } from '../routing/route-table.ts'
import { lookingConfig, type ConfigOptions } from './command-config.ts'

/** From this number of methods on, they are shown as `*`, or as `*` without a few. */
const MANY = 10
const COLUMNS = ['METHOD', 'HOST', 'PATH', 'UPSTREAM', 'AUTH', 'LIMIT', 'CACHE', 'SCHEMA', 'FILE'] as const

function authText(auth: AuthDeclaration): string {
  const { mode, optional, uses } = authForm(auth)
  if (uses.length === 0) return 'none'
  const text = uses
    .map(({ scheme, requirement: { scopes = [], groups = [], claims = {} } }) => {
      const wanted = [...scopes, ...(groups.length > 0 ? [`group ${groups.join('|')}`] : []), ...Object.keys(claims)]
      return wanted.length > 0 ? `${scheme}(${wanted.join(' ')})` : scheme
    })
    .join(mode === 'all' ? ' and ' : ' or ')
  return optional ? `${text} or none` : text
}

function durationText(ms: number): string {
  for (const [size, unit] of [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ] as const) {
    if (ms >= size && ms % size === 0) return ms === size ? unit : `${ms / size} ${unit}`
  }
  return `${ms} ms`
}

/** A limit in few words: `100/min by address`, `5 at once`, `1000/day`. */
function limitText({ algorithm, max, windowMs, burst, per, by }: LimitRule): string {
  const rate = per ?? durationText(windowMs)
  const much =
    algorithm === 'concurrency'
      ? `${max} at once`
      : `${max}/${algorithm === 'sliding' ? 'any ' : ''}${rate}${algorithm === 'token-bucket' ? ` (burst ${burst ?? max})` : ''}`
  return by === 'consumer' ? much : `${much} by ${byText(by)}`
}

function cells(
  { method, hosts, path, match, upstream, auth, limits, cache, schema, file, options: { config } }: RouteRow,
  leaves: readonly string[],
): string[] {
  const conditions = Object.entries(match ?? {})
    .map(([name, value]) => ` [${name}: ${value}]`)
    .join('')
  const websocket = config?.websocket ? ' [websocket]' : ''
  const paths = isAsIs(config?.hostPrefix ?? '') ? ' [as-is]' : ''
  return [
    method,
    hosts.join(',') || '*',
    path + conditions + websocket + paths + leavesText(leaves),
    upstream || '-',
    authText(auth),
    limits.map(limitText).join(', ') || '-',
    cache,
    schema.join(',') || '-',
    file || '-',
  ]
}

/** The methods of a path as short texts: `*`, or `* but ...` when nearly all methods are answered. */
function methodsText(methods: readonly string[]): string[] {
  const others = FORWARDED_METHODS.filter((method) => !methods.includes(method))
  if (others.length > MANY || methods.length < MANY) return [...methods]
  return [others.length === 0 ? '*' : `* but ${others.join(',')}`]
}

/** The routes whose other spellings and methods this route leaves to them. */
type LeavesOf = (row: RouteRow) => readonly string[]

const leavesText = (leaves: readonly string[]): string =>
  leaves.length === 0 ? '' : ` [leaves ${leaves[0]}${leaves.length > 1 ? ` and ${leaves.length - 1} more` : ''}]`

/** Table lines of the routes. Many routes that differ only in their method share a line. */
function lines(rows: readonly RouteRow[], leaves: LeavesOf): string[][] {
  const groups = new Map<string, { methods: string[]; rest: string[] }>()
  for (const row of rows) {
    const [method, ...rest] = cells(row, leaves(row)) as [string, ...string[]]
    const key = rest.join('\n')
    const group = groups.get(key)
    if (group) group.methods.push(method)
    else groups.set(key, { methods: [method], rest })
  }
  return [...groups.values()].flatMap(({ methods, rest }) => methodsText(methods).map((method) => [method, ...rest]))
}

/** Rows as lines with aligned columns. */
export function routeLines(rows: readonly RouteRow[], leaves: LeavesOf = () => []): string[] {
  const table = [[...COLUMNS], ...lines(rows, leaves)]
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

/** `gatehouse routes`: lists every route with its upstream, auth, limit, cache and file. */
export async function routes(options: ConfigOptions & { json?: boolean }): Promise<number> {
  const config = await lookingConfig(options)
  const { buildApp } = await import('../app.ts')
  const app = await buildApp(config)
  const { rows } = app.routeTable
  const leaves: LeavesOf = (row) => app.hostRouter.guard.leaves(row.options).map(({ route }) => route)
  const text = options.json
    ? JSON.stringify(
        rows.map(({ options: _, ...row }, i) => ({ ...row, leaves: leaves(rows[i]!) })),
        null,
        2,
      )
    : routeLines(rows, leaves).join('\n')
  process.stdout.write(`${text}\n`)
  await app.close()
  return 0
}
