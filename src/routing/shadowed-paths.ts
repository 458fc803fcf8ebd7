import type { OwnRoute, RouteTable } from './route-table.ts'

/** A parameter or wildcard in the path of an own page, such as `/docs/static/*`. */
const VARIABLE = /\/(?::|\*).*$/

/**
 * Says which paths never reach an upstream because the gateway answers them itself. That happens to upstreams at `/`
 * without `hosts`: for one with hosts, its own routes go first.
 * @returns one line for each file, which names the paths and the settings that move them
 */
export function shadowNotes(table: RouteTable): string[] {
  const byFile = new Map<string, OwnRoute[]>()
  for (const own of table.ownRoutes) {
    const file = table.find(own.method, own.path.replace(VARIABLE, '/x'), {})?.row.file
    if (file !== undefined) byFile.set(file, [...(byFile.get(file) ?? []), own])
  }
  return [...byFile].map(
    ([file, routes]) =>
      `${file}: requests for ${listed(pathsOf(routes))} do not reach this upstream, since the gateway answers them: ${advice(routes)}`,
  )
}

/** The paths, without those below another one in the list. */
function pathsOf(routes: readonly OwnRoute[]): string[] {
  const paths = [...new Set(routes.map(({ path }) => path.replace(/(?<=.)\/$/, '')))]
  return paths.filter((path) => !paths.some((other) => other !== '/' && path.startsWith(`${other}/`)))
}

function advice(routes: readonly OwnRoute[]): string {
  const movable = routes.filter(({ setting }) => setting !== undefined)
  const settings = [...new Set(movable.map(({ setting }) => setting!))]
  const move =
    settings.length > 0 ? `move ${listed(pathsOf(movable))} with ${listed(settings)} in the configuration, or ` : ''
  return `${move}give the upstream "hosts", which brings all of them to it`
}

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
