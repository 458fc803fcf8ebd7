import { withoutParameters } from '../auth/credentials.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { withQuery } from './path-template.ts'

/**
 * Path and query for the upstream: a part of the canonical target, never decoded and encoded again, without
 * credentials.
 * @param target  internal target
 * @param params  the route's parameters
 */
export function upstreamPath(target: string, params: unknown, plan: ForwardPlan): string {
  if (plan.dropQuery !== null) target = withoutParameters(target, plan.dropQuery)
  if (plan.rewrite !== null) return withQuery(plan.rewrite(params as Record<string, string>, target), target)
  if (plan.stripLength === 0) return target
  const path = target.slice(plan.stripLength)
  return path.charCodeAt(0) === 47 /* / */ ? path : `/${path}`
}
