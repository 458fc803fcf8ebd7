import type { ContractGuard } from '../routing/contract-guard.ts'
import type { RouteRow } from '../routing/route-table.ts'
import { shadowNotes } from '../routing/shadowed-paths.ts'
import { type ConfigOptions, passedOver, quietConfig } from './command-config.ts'

/** `gatehouse check`: loads everything that `start` would, listens nowhere, and prints every problem at once. */
export async function check(options: ConfigOptions): Promise<number> {
  const config = await quietConfig(options)
  const { buildApp } = await import('../app.ts')
  const app = await buildApp(config)
  const { rows } = app.routeTable
  process.stdout.write(`configuration, ${counted(rows)} and documents are right\n`)
  for (const { document, warnings } of app.apis) {
    for (const note of [...warnings, ...(document.mended ?? []), ...document.notes]) {
      process.stdout.write(`note: ${note}\n`)
    }
  }
  for (const note of [
    ...overlapNotes(app.hostRouter.guard),
    ...shadowNotes(app.routeTable),
    ...(await passedOver(options, config.routes)),
  ]) {
    process.stdout.write(`note: ${note}\n`)
  }
  await app.close()
  return 0
}

/**
 * The number of routes and files. A pass-through route counts once, and so does a hand-written route with many methods.
 */
function counted(rows: readonly RouteRow[]): string {
  const passThroughs = new Set(
    rows.filter(({ options }) => options.config?.passThrough).map(({ upstream }) => upstream),
  ).size
  const routes = new Set(rows.filter(({ options }) => !options.config?.passThrough).map(({ options }) => options)).size
  const parts = [
    ...(routes > 0 || passThroughs === 0 ? [many(routes, 'route')] : []),
    ...(passThroughs > 0 ? [many(passThroughs, 'pass-through')] : []),
  ]
  return `${parts.join(' and ')} of ${many(new Set(rows.map(({ file }) => file)).size, 'file')}`
}

const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** The maximum number of routes named in one note. */
const MOST_NAMED = 3

/**
 * Notes about requests that a route does not answer because a route of another file does. The route's own file does not
 * show this.
 */
function overlapNotes(guard: ContractGuard): string[] {
  const notes = new Set<string>()
  for (const { route, file, leaves } of guard.guarded()) {
    const named = leaves
      .slice(0, MOST_NAMED)
      .map((other) => `${other.route} (${other.file}: ${other.parts.join(', ')})`)
    if (leaves.length > MOST_NAMED) named.push(`${leaves.length - MOST_NAMED} more`)
    notes.add(`${file}: ${route} does not answer other spellings or methods of ${named.join(', ')}`)
  }
  return [...notes]
}
