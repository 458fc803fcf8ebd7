import type { FastifyRequest } from 'fastify'
import type { ForwardPlan } from '../proxy/forward-plan.ts'
import { upstreamPath } from '../proxy/upstream-path.ts'
import type { RetryPolicy } from '../traffic/resilience/retry-policy.ts'
import type { RouteRow } from '../routing/route-table.ts'
import type { Target } from '../upstream/target.ts'

interface Explained {
  /** Internal target of the request. */
  internal: string
  request: FastifyRequest
  /** Whether the gateway is running, so that the state of its targets is known. */
  live: boolean
  say: (stage: string, text: string) => void
}

/** Describes where a request would be forwarded, the state of the targets, and which of them would get it. */
export function explainForwarding(
  plan: ForwardPlan,
  row: RouteRow,
  params: Record<string, string | undefined>,
  { internal, request, live, say }: Explained,
): void {
  if (row.options.config?.redirect) {
    say('redirect', row.options.config.redirect)
    return
  }
  const { upstream, timeouts, retry, hedge, fallback } = plan
  say('forward', `to ${upstream.name}: ${upstreamPath(internal, params, plan)}`)
  const withheld = plan.withheld === null ? '' : withheldText(plan.withheld)
  if (withheld !== '') say('', `withheld: ${withheld}`)
  if (upstream.targets.length > 1) say('', `balance: ${upstream.balance}`)
  for (const text of upstream.watched) say('', text)
  for (const target of upstream.targets) say('', targetText(target, plan, live))
  const version = upstream.versionOf(request)
  if (version !== null) say('', `version: ${version}`)
  if (upstream.targets.length > 1) {
    say(
      '',
      `chosen${live ? ' now' : ', if all are well'}: ${upstream.select(request, null)?.id ?? 'none, since none is available'}`,
    )
  }
  say(
    '',
    `timeouts: connect ${timeouts.connect} ms, first byte ${timeouts.firstByte} ms, idle ${timeouts.idle} ms${timeouts.total > 0 ? `, total ${timeouts.total} ms` : ''}`,
  )
  say('', `retries: ${retry === null ? 'never' : retriesText(retry, row.method)}`)
  if (plan.mirror !== null) say('', `a copy goes to ${plan.mirror.upstream.targets.map(({ id }) => id).join(' or ')}`)
  if (hedge !== null) {
    say(
      '',
      `hedging: ${hedge.delay === undefined ? 'not yet, too little is known of the latency' : `after ${hedge.delay} ms`}`,
    )
  }
  if (fallback !== null) say('', `fallback: ${fallback.status}`)
  say(
    'response',
    plan.responseCheck
      ? `checked against its schema, ${plan.enforceResponse ? '502 when it breaks it' : 'reported when it breaks it'}`
      : 'not checked against a schema',
  )
}

/** Headers with credentials or identity that a client may send but that are not forwarded. */
const withheldText = ({ headers, cookies, query }: NonNullable<ForwardPlan['withheld']>): string =>
  [
    ...(headers.length > 0 ? [`headers ${headers.join(', ')}`] : []),
    ...(cookies.length > 0 ? [`cookies ${cookies.join(', ')}`] : []),
    ...(query.length > 0 ? [`query ${query.join(', ')}`] : []),
  ].join('; ')

const retriesText = ({ attempts, failsOver, methods }: RetryPolicy, method: string): string =>
  [
    methods.has(method) ? `at most ${attempts}` : `for ${method} only what was never sent`,
    ...(failsOver ? ['at each other target when a connection never stood'] : []),
  ].join(', and ')

/** Describes a target and its state; the results of its monitors come last. */
function targetText(target: Target, { preserveHost, fixedHost }: ForwardPlan, live: boolean): string {
  const { id, addresses, version, available, weight, priority, inFlight, ...monitored } = target.describe() as Record<
    string,
    string | number | string[]
  >
  return [
    `target ${id}${addresses ? ` (${[addresses].flat().join(', ')})` : ''}`,
    ...(live ? [available ? 'available' : 'not available'] : []),
    `weight ${weight}`,
    ...(Number(priority) > 0 ? [`priority ${priority}`] : []),
    ...(version === undefined ? [] : [`version ${version}`]),
    ...(target.maxConnections < Infinity ? [`at most ${target.maxConnections} at once`] : []),
    ...(Number(inFlight) > 0 ? [`${inFlight} under way`] : []),
    ...Object.entries(live ? monitored : {})
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`),
    `Host: ${fixedHost ?? (preserveHost ? "the client's" : target.host)}`,
  ].join(', ')
}
