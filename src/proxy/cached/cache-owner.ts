import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Consumer } from '../../auth/auth-schema.ts'
import { isAnonymous } from '../../auth/forward-auth/forward-auth-schema.ts'
import type { ForwardPlan } from '../forward-plan.ts'

/**
 * Registered claims that differ from token to token of one consumer with the same rights (RFC 7519; OpenID Connect
 * Core).
 */
const VOLATILE = new Set(['exp', 'iat', 'nbf', 'jti', 'auth_time', 'nonce', 'at_hash', 'c_hash', 's_hash', 'sid'])

/** Digests of consumers. Schemes reuse their consumer objects, so each is digested once. */
const digests = new WeakMap<Consumer, string>()
/** Owners of requests without a further credential, by consumer and plan. */
const plainOwners = new WeakMap<Consumer, WeakMap<ForwardPlan, string>>()

/**
 * The owner part of a private cache key: a digest of every credential and identity field of the request that the
 * upstream can see, or that decided who is calling. Two tokens with the same `sub` and other rights are two owners.
 * @returns `''` for a request without an owner: its response is stored only if all clients may have it
 */
export function ownerOf(request: FastifyRequest, plan: ForwardPlan): string {
  const { consumer } = request
  if (consumer === null || isAnonymous(consumer)) return ''
  const asked = consumer.scheme === 'forwardAuth' ? valuesOf(request, plan.serviceHeaders) : null
  const credentials = credentialsOf(request, plan)
  if (asked !== null || credentials !== null) return ownerFrom(consumer, plan, credentials, asked)
  let owners = plainOwners.get(consumer)
  if (owners === undefined) plainOwners.set(consumer, (owners = new WeakMap()))
  let owner = owners.get(plan)
  if (owner === undefined) owners.set(plan, (owner = ownerFrom(consumer, plan, null, null)))
  return owner
}

function ownerFrom(consumer: Consumer, plan: ForwardPlan, credentials: unknown, asked: unknown): string {
  const parts = [digestOf(consumer), plan.identity?.values(consumer), consumer.upstreamHeaders, credentials, asked]
  return hash('sha256', JSON.stringify(parts), 'base64url')
}

/**
 * Whether a request carries a credential: a consumer, `Authorization`, or another credential that is sent to the
 * upstream, which may depend on it though the gateway has not verified it.
 */
export const isAuthenticated = (request: FastifyRequest, plan: ForwardPlan): boolean =>
  request.consumer !== null || request.raw.headers.authorization !== undefined || credentialsOf(request, plan) !== null

/** The credentials of a request that are sent to the upstream; null for none. */
function credentialsOf(request: FastifyRequest, { credentials }: ForwardPlan): readonly unknown[] | null {
  const { headers, cookies } = credentials
  const values = valuesOf(request, headers)
  const { cookie } = request.raw.headers
  const pairs =
    cookie === undefined || cookies.length === 0
      ? []
      : cookie.split(';').filter((pair) => cookies.includes(pair.split('=', 1)[0]!.trim()))
  return values === null && pairs.length === 0 ? null : [values, pairs]
}

/** Values of some headers; null when all are absent. */
function valuesOf({ raw }: FastifyRequest, names: readonly string[]): readonly unknown[] | null {
  let found = false
  const values = names.map((name) => {
    const value = raw.headers[name]
    found ||= value !== undefined
    return value ?? null
  })
  return found ? values : null
}

function digestOf(consumer: Consumer): string {
  let digest = digests.get(consumer)
  if (digest === undefined) {
    const { id, scheme, scopes, groups, plan, claims } = consumer
    const lasting = Object.entries(claims)
      .filter(([name]) => !VOLATILE.has(name))
      .sort(([one], [other]) => (one < other ? -1 : 1))
    digest = hash('sha256', JSON.stringify([id, scheme, scopes, groups, plan, lasting]), 'base64url')
    digests.set(consumer, digest)
  }
  return digest
}
