import type { IncomingHttpHeaders } from 'node:http'
import type { RouteOptions } from 'fastify'
import { costOf } from '../limits/limit-schema.ts'

/** A part of what a route asks of its requests, in the words of messages. */
export type ContractPart =
  'auth' | 'limits' | 'cost' | 'schema' | 'body limit' | 'response schema' | 'csrf' | 'cors' | 'websocket'

const PARTS = ['params', 'querystring', 'query', 'headers', 'body'] as const

/** Whether a route asks for credentials, and not for those that the other one does. */
export const hasOtherAuth = (
  { config: strict = {} }: Pick<RouteOptions, 'config'>,
  { config: loose = {} }: Pick<RouteOptions, 'config'>,
): boolean => strict.auth !== undefined && strict.auth !== 'none' && !isEqual(strict.auth, loose.auth)

/**
 * Compares two routes that may mean one resource.
 * @returns what `strict` asks of requests and `loose` does not
 */
export function missingParts(strict: RouteOptions, loose: RouteOptions, method: string): ContractPart[] {
  const { config: asked = {} } = strict
  const { config: given = {} } = loose
  const missing: ContractPart[] = []
  if (hasOtherAuth(strict, loose)) missing.push('auth')
  const limits = (given.limits ?? []).map((rule) => JSON.stringify(rule))
  if (
    (asked.limits ?? []).some((rule) => !limits.includes(JSON.stringify(rule))) ||
    (given.limit === false && asked.limit !== false)
  ) {
    missing.push('limits')
  }
  if (costOf(asked.cost, method) > costOf(given.cost, method)) missing.push('cost')
  if (checksMore(strict, loose)) missing.push('schema')
  // those have no body to speak of
  if (method !== 'GET' && method !== 'HEAD' && bodyLimitOf(strict) < bodyLimitOf(loose)) missing.push('body limit')
  if (
    asked.plan?.enforceResponse &&
    asked.plan.responseCheck !== null &&
    !(given.plan?.enforceResponse && given.plan.responseCheck !== null)
  ) {
    missing.push('response schema')
  }
  if (given.csrf === false && asked.csrf !== false) missing.push('csrf')
  if (given.cors && !isEqual(given.cors, asked.cors)) missing.push('cors')
  if (given.websocket && !asked.websocket) missing.push('websocket')
  return missing
}

/** As `missingParts`, for one request: only an upgrade can make use of a WebSocket. */
export const partsMissed = (
  strict: RouteOptions,
  loose: RouteOptions,
  method: string,
  { upgrade }: IncomingHttpHeaders,
): ContractPart[] => missingParts(strict, loose, method).filter((part) => part !== 'websocket' || upgrade !== undefined)

/**
 * Whether a route asks for more of a request than another. Of two operations of one document that differ by a matrix
 * parameter, each has a schema that its author has stated for it.
 */
export function asksMore(
  strict: RouteOptions,
  loose: RouteOptions,
  method: string,
  headers: IncomingHttpHeaders,
  isMatrix: boolean,
): boolean {
  const parts = partsMissed(strict, loose, method, headers)
  const isOneDocument = isMatrix && strict.config?.api?.document === loose.config?.api?.document
  return isOneDocument ? parts.some((part) => part !== 'schema' && part !== 'response schema') : parts.length > 0
}

/** Whether requests are checked against schemas that the other route does not check. */
function checksMore(strict: RouteOptions, loose: RouteOptions): boolean {
  const own = (strict.schema ?? {}) as Record<string, unknown>
  const other = (loose.schema ?? {}) as Record<string, unknown>
  if (PARTS.some((part) => own[part] !== undefined && !isEqual(own[part], other[part]))) return true
  const { api, requestValidation } = strict.config ?? {}
  if (
    api === undefined ||
    requestValidation !== 'enforce' ||
    (api.operation.parameters.length === 0 && api.operation.body === null)
  ) {
    return false
  }
  return loose.config?.api?.operation !== api.operation || loose.config.requestValidation !== 'enforce'
}

const bodyLimitOf = ({ bodyLimit, config }: RouteOptions): number => bodyLimit ?? config?.plan?.bodyLimit ?? Infinity

const isEqual = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)
