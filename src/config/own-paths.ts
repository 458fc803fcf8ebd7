import type { Config } from './config-schema.ts'
import type { Mistake } from './schema-check.ts'
import { found } from './schema-wording.ts'

/** Paths of the gateway that no setting changes. Refused requests are routed to the last one. */
const FIXED = ['/livez', '/readyz', '/.refused']

const NEVER_ARRIVES = /\/\/|\/\.{1,2}(?:\/|$)/

function reason(path: string, taken: (path: string) => string | undefined): string | undefined {
  if (NEVER_ARRIVES.test(path)) {
    return 'which never arrives, since paths with dot segments or empty ones are refused or rewritten, allowed: a plain path'
  }
  const owner = taken(path)
  return owner && `where the gateway has ${owner}, allowed: a path of its own`
}

/**
 * Paths in the configuration that cannot be served, because the gateway serves something else there or because no
 * request can reach them.
 */
export function pathMistakes({
  docs,
  metrics,
  status,
  cache,
  welcome,
}: Partial<Pick<Config, 'docs' | 'metrics' | 'status' | 'cache' | 'welcome'>>): Mistake[] {
  const wrong: Mistake[] = []
  const check = (section: string[], path: unknown, taken: (path: string) => string | undefined): void => {
    const because = typeof path === 'string' ? reason(path, taken) : undefined
    if (because) wrong.push({ path: [...section, 'path'], message: `found ${found(path)}, ${because}` })
  }
  const fixed = (path: string): string | undefined => (FIXED.includes(path) ? 'an answer of its own' : undefined)
  if (docs) check(['docs'], docs.path, fixed)
  const documents = (path: string): boolean =>
    docs !== false &&
    docs?.path !== undefined &&
    (['', '/', '/json', '/yaml'].some((end) => path === docs.path + end) ||
      ['static', 'upstreams'].some((folder) => path.startsWith(`${docs.path}/${folder}/`)))
  const taken = (path: string): string | undefined =>
    fixed(path) ?? (documents(path) ? 'its documentation (docs.path)' : undefined)
  if (metrics) check(['metrics'], metrics.path, taken)
  const takenByMetrics = (path: string): string | undefined =>
    taken(path) ?? (metrics && path === metrics.path ? 'its metrics (metrics.path)' : undefined)
  if (status) check(['status'], status.path, takenByMetrics)
  const takenByStatus = (path: string): string | undefined =>
    takenByMetrics(path) ??
    (status && ['', '/explain', '/drift', '/refresh'].some((end) => path === status.path + end)
      ? 'its state (status.path)'
      : undefined)
  if (cache?.purge) check(['cache', 'purge'], cache.purge.path, takenByStatus)
  const purge = cache?.purge
  if (welcome) {
    check(
      ['welcome'],
      welcome.path,
      (path) =>
        takenByStatus(path) ?? (purge && path === purge.path ? 'the purge of its cache (cache.purge.path)' : undefined),
    )
  }
  return wrong
}
