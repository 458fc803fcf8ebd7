import type { Subject } from './subjects.ts'

/** Two subjects that are set against each other. */
export interface Comparison {
  label: string
  row: string
  to: string
  /** Highest ratio that is good. */
  goal?: number
  /** What is compared; processor time of a request, unless it is said. */
  of?: 'p99'
  /** Measured in pairs, although there is no goal. */
  paired?: boolean
}

export const COMPARISONS: readonly Comparison[] = [
  { label: 'gateway, JWT + limit + schema / @fastify/http-proxy', row: 'gateway-full', to: 'stock', goal: 0.7 },
  { label: 'gateway, JWT + limit + schema / bare node:http + undici', row: 'gateway-full', to: 'bare', goal: 1.3 },
  { label: 'gateway, JWT + limit + schema / Caddy', row: 'gateway-full', to: 'caddy', goal: 0.6 },
  { label: 'gateway, open route / bare node:http + undici', row: 'gateway-open', to: 'bare', goal: 1.15 },
  { label: 'gateway, open route / @fastify/http-proxy', row: 'gateway-open', to: 'stock' },
  { label: 'gateway, open route / http-proxy-middleware', row: 'gateway-open', to: 'hpm' },
  { label: 'gateway, JWT + limit + schema / open route', row: 'gateway-full', to: 'gateway-open' },
  { label: 'gateway, the same + access log / without', row: 'gateway-log', to: 'gateway-full' },
  { label: 'gateway, 1000 consumers / one consumer', row: 'gateway-many', to: 'gateway-full' },
  { label: 'gateway, pass-through / declared open route', row: 'gateway-pass', to: 'gateway-open' },
  { label: 'GET to a large document, validated / not', row: 'document-get', to: 'document-get-off', goal: 1.15 },
  { label: 'POST to the same, validated / not', row: 'document-post', to: 'document-post-off', goal: 1.15 },
  { label: 'gateway, open route / nginx', row: 'gateway-open', to: 'nginx' },
  { label: 'gateway, open route / HAProxy', row: 'gateway-open', to: 'haproxy' },
  { label: 'gateway, open route / Caddy', row: 'gateway-open', to: 'caddy' },
  { label: 'hit: gateway, open route / nginx', row: 'hit-gateway', to: 'hit-nginx', goal: 1.1 },
  { label: 'hit: gateway, JWT + limit / nginx', row: 'hit-gateway-jwt', to: 'hit-nginx', goal: 1.5 },
  { label: 'hit: bare node:http / nginx', row: 'hit-bare', to: 'hit-nginx' },
  { label: 'hit: gateway, open route / bare node:http', row: 'hit-gateway', to: 'hit-bare' },
  { label: 'hit: gateway, open route / bare Fastify', row: 'hit-gateway', to: 'hit-fastify', paired: true },
  { label: 'hit: gateway, JWT + limit / bare Fastify', row: 'hit-gateway-jwt', to: 'hit-fastify', paired: true },
  { label: 'hit: gateway, open route / Varnish', row: 'hit-gateway', to: 'hit-varnish' },
  { label: 'hit of 32 KiB: gateway / nginx', row: 'medium-gateway', to: 'medium-nginx' },
  { label: 'hit of 32 KiB: gateway / Varnish', row: 'medium-gateway', to: 'medium-varnish' },
  { label: '1 MiB: gateway / bare node:http + pipe', row: 'stream-gateway', to: 'stream-pipe', goal: 1.25 },
  { label: '1 MiB: gateway / @fastify/http-proxy', row: 'stream-gateway', to: 'stream-stock' },
  { label: 'p99 at half load: gateway / bare node:http', row: 'paced-gateway', to: 'paced-bare', goal: 1.5, of: 'p99' },
]

/** What `--against` compares without names: a request with all policies, one without any, a hit of the cache. */
export const AGAINST = ['gateway-full', 'gateway-open', 'hit-gateway']
/** Highest ratio to the tree before that is good. */
export const AGAINST_GOAL = 1.02

/** The subjects with these names; without names, all that are not optional. */
export function chosen(subjects: readonly Subject[], only: string | undefined): Subject[] {
  if (only === undefined) return subjects.filter(({ optional }) => !optional)
  const names = only.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !subjects.some((subject) => subject.name === name))
  if (unknown.length > 0) {
    throw new Error(`--only has ${unknown.join(', ')}, expected of: ${subjects.map(({ name }) => name).join(', ')}`)
  }
  return subjects.filter(({ name }) => names.includes(name))
}

/** Two subjects to measure in pairs. */
export interface Contest extends Pick<Comparison, 'label' | 'goal' | 'of'> {
  a: Subject
  b: Subject
}

/**
 * The comparisons to measure in pairs: those with a goal, those marked `paired`, and all of `present` when the user
 * named the subjects.
 */
export function contests(present: readonly Subject[], isNamed: boolean): Contest[] {
  const byName = new Map(present.map((subject) => [subject.name, subject]))
  return COMPARISONS.flatMap(({ label, row, to, goal, of, paired }) => {
    const [a, b] = [byName.get(row), byName.get(to)]
    return a && b && (isNamed || paired || goal !== undefined) ? [{ label, a, b, goal, of }] : []
  })
}

/** The same subjects of two trees. */
export function contestsAgainst(
  now: readonly Subject[],
  before: readonly Subject[],
  only = AGAINST.join(),
  goal = AGAINST_GOAL,
): Contest[] {
  const own = now.filter(({ isGateway }) => isGateway)
  return chosen(own, only).map((a) => {
    const b = before.find(({ name }) => name === a.name)!
    return { label: `${a.name}: this tree / the other`, a, b: { ...b, name: `${b.name}-other` }, goal }
  })
}
