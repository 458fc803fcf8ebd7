import {
  authForm,
  type AuthDeclaration,
  type Consumer,
  type Requirement,
  type SchemeName,
  type ClaimCondition,
} from './auth-schema.ts'
import { insufficientScope, missingCredentials } from './challenge.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import type { AuthRequest, AuthScheme } from './scheme.ts'
import { claimAt } from './claims.ts'

type Outcome<T> = T | Promise<T>
/** Runs the check of a scheme, and counts the checks that fail. */
type AttemptCounter = Pick<FailedAttempts, 'watch'>

/**
 * Authenticates and authorizes a request. Returns the consumer, or null for an anonymous client where the route lets
 * these in. Throws or rejects when the request must not pass.
 */
export type Authenticator = (request: AuthRequest) => Outcome<Consumer | null>

/** A scheme that a route accepts, with what the route requires of its consumers. */
interface Alternative {
  scheme: AuthScheme
  requirements: Requirement[]
  /** The consumer must meet one of these; null when nothing is required. */
  meets: MeetsRequirement[] | null
  /** Adds the plan and groups that the configuration gives to a consumer. */
  complete: (consumer: Consumer) => Consumer
}

/**
 * Compiles the `auth` of a route.
 * @param schemeOf  finds a scheme by its name; throws when it is not configured
 * @param complete  adds the plan and groups of the configuration to a consumer, before the requirements are checked
 * @returns null for `'none'`
 */
export function compileAuthenticator(
  auth: AuthDeclaration,
  schemeOf: (name: SchemeName) => AuthScheme,
  failures: AttemptCounter,
  complete = (consumer: Consumer): Consumer => consumer,
): Authenticator | null {
  const { mode, optional, uses } = authForm(auth)
  if (uses.length === 0) return null
  if (mode === 'all') {
    return allOf(
      uses.map(({ scheme, requirement }) => one(alternative(schemeOf(scheme), [requirement], complete), failures)),
    )
  }
  const names = [...new Set(uses.map(({ scheme }) => scheme))]
  const alternatives = names.map((name) =>
    alternative(
      schemeOf(name),
      uses.filter(({ scheme }) => scheme === name).map(({ requirement }) => requirement),
      complete,
    ),
  )
  if (optional) return optionally(alternatives, failures)
  return alternatives.length === 1 ? one(alternatives[0]!, failures) : anyOf(alternatives, failures)
}

function alternative(scheme: AuthScheme, requirements: Requirement[], complete: Alternative['complete']): Alternative {
  const meets = requirements.map(compileRequirement)
  return { scheme, requirements, complete, meets: meets.includes(null) ? null : (meets as MeetsRequirement[]) }
}

/** Authenticates with one scheme, then checks what the route requires of the consumer. */
function one(
  { scheme, requirements, meets, complete }: Alternative,
  failures: AttemptCounter,
): (request: AuthRequest) => Outcome<Consumer> {
  const admit = (found: Consumer): Consumer => {
    const consumer = complete(found)
    if (meets === null) return consumer
    for (let i = 0; i < meets.length; i++) if (meets[i]!(consumer)) return consumer
    throw insufficientScope(scheme.challenge, requirements[0]!.scopes ?? [], consumer.scopes)
  }
  return (request) => {
    const known = scheme.recall?.(request)
    if (known) return admit(known)
    const found = failures.watch(request, scheme)
    return found instanceof Promise ? found.then(admit) : admit(found)
  }
}

/**
 * The first scheme whose credentials the request carries decides. If that scheme has locked the client out after too
 * many failures, the next scheme whose credentials are present decides instead.
 */
function anyOf(
  alternatives: readonly Alternative[],
  failures: AttemptCounter,
): (request: AuthRequest) => Outcome<Consumer> {
  const asked = alternatives.map((alternative) => ({ scheme: alternative.scheme, ask: one(alternative, failures) }))
  const challenges = alternatives.flatMap(({ scheme: { challenge = [] } }) => challenge)
  const presentedFrom = (start: number, request: AuthRequest): number => {
    for (let i = start; i < asked.length; i++) if (asked[i]!.scheme.isPresented(request)) return i
    return -1
  }
  const askFrom = (i: number, request: AuthRequest): Outcome<Consumer> => {
    const next = (error: unknown): Outcome<Consumer> => {
      const isLocked = (error as { code?: string }).code === 'GW_TOO_MANY_FAILURES'
      const following = isLocked ? presentedFrom(i + 1, request) : -1
      if (following === -1) throw error
      return askFrom(following, request)
    }
    try {
      const found = asked[i]!.ask(request)
      return found instanceof Promise ? found.catch(next) : found
    } catch (error) {
      return next(error)
    }
  }
  return (request) => {
    const first = presentedFrom(0, request)
    if (first !== -1) return askFrom(first, request)
    for (const { scheme, ask } of asked) if (scheme.acceptsAnonymous) return ask(request)
    throw missingCredentials(challenges)
  }
}

/**
 * Every scheme must accept the request; the consumer is that of the first. They run in order, and the first refusal is
 * final: later schemes do not see the request.
 */
function allOf(asks: readonly ((request: AuthRequest) => Outcome<Consumer>)[]): Authenticator {
  return async (request) => {
    const consumers: Consumer[] = []
    for (const ask of asks) consumers.push(await ask(request))
    const upstreamHeaders = consumers.flatMap((consumer) => consumer.upstreamHeaders ?? [])
    return upstreamHeaders.length > 0 ? { ...consumers[0]!, upstreamHeaders } : consumers[0]!
  }
}

/**
 * `{ optional: ... }`: without valid credentials the client is anonymous. A consumer that is found must still meet the
 * requirements.
 */
function optionally(alternatives: readonly Alternative[], failures: AttemptCounter): Authenticator {
  const ask = anyOf(alternatives, failures)
  const anonymous = (error: unknown): null => {
    if ((error as { code?: string }).code === 'GW_UNAUTHORIZED') return null
    throw error
  }
  return (request) => {
    try {
      const found = ask(request)
      return found instanceof Promise ? found.catch(anonymous) : found
    } catch (error) {
      return anonymous(error)
    }
  }
}

/** Whether a consumer has what a route requires. */
export type MeetsRequirement = (consumer: Consumer) => boolean

/** Compiles a requirement; null when nothing is required. */
export function compileRequirement({ scopes = [], groups = [], claims = {} }: Requirement): MeetsRequirement | null {
  const checks: MeetsRequirement[] = []
  if (scopes.length > 0) checks.push(({ scopes: held }) => scopes.every((scope) => held.includes(scope)))
  if (groups.length > 0) checks.push(({ groups: held }) => groups.some((group) => held.includes(group)))
  for (const [claim, condition] of Object.entries(claims)) {
    const path = claim.split('.')
    const meets = compileCondition(condition)
    checks.push((consumer) => meets(claimAt(consumer.claims, claim, path)))
  }
  if (checks.length === 0) return null
  return checks.length === 1 ? checks[0]! : (consumer) => checks.every((check) => check(consumer))
}

function compileCondition(condition: ClaimCondition): (value: unknown) => boolean {
  if (typeof condition !== 'object') return (value) => value === condition
  const { equals, in: list, contains } = condition
  if (equals !== undefined) return (value) => value === equals
  if (list !== undefined) return (value) => (list as unknown[]).includes(value)
  // an item of a list, or a word of a text (as in `scope`)
  return (value) =>
    Array.isArray(value)
      ? value.includes(contains)
      : typeof value === 'string' && value.split(' ').includes(String(contains))
}
