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
/** Lets schemes look at requests, and counts what fails. */
type AttemptCounter = Pick<FailedAttempts, 'watch'>

/**
 * Finds out who calls, and whether they may; null are strangers, where these are let in. Throws or rejects otherwise.
 */
export type Authenticator = (request: AuthRequest) => Outcome<Consumer | null>

/** One scheme with everything that a route asks of its consumers. */
interface Alternative {
  scheme: AuthScheme
  requirements: Requirement[]
  /** Any of these suffices; null when nothing is required. */
  meets: MeetsRequirement[] | null
  /** Adds what the gateway itself knows of a consumer. */
  complete: (consumer: Consumer) => Consumer
}

/**
 * Compiles the `auth` of a route.
 * @param schemeOf  the scheme of a name; throws when it is not configured
 * @param complete  adds what the gateway itself knows of a consumer, before it is held against what is required
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
  if (optional) return strangersToo(alternatives, failures)
  return alternatives.length === 1 ? one(alternatives[0]!, failures) : anyOf(alternatives, failures)
}

function alternative(scheme: AuthScheme, requirements: Requirement[], complete: Alternative['complete']): Alternative {
  const meets = requirements.map(compileRequirement)
  return { scheme, requirements, complete, meets: meets.includes(null) ? null : (meets as MeetsRequirement[]) }
}

/** Asks one scheme, and holds its consumer against what is required. */
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
 * The first scheme whose credentials the request carries decides. If that has refused too many attempts, the next one
 * of these decides: whoever is locked out of one scheme can still use another.
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
    for (const { scheme, ask } of asked) if (scheme.asksStrangers) return ask(request)
    throw missingCredentials(challenges)
  }
}

/**
 * Each scheme must let the request in; the first says who is calling. They are asked one after the other, so a scheme
 * is not asked about requests that an earlier one refuses, and the refusal of any of them is final.
 */
function allOf(asks: readonly ((request: AuthRequest) => Outcome<Consumer>)[]): Authenticator {
  return async (request) => {
    const consumers: Consumer[] = []
    for (const ask of asks) consumers.push(await ask(request))
    const upstreamHeaders = consumers.flatMap((consumer) => consumer.upstreamHeaders ?? [])
    return upstreamHeaders.length > 0 ? { ...consumers[0]!, upstreamHeaders } : consumers[0]!
  }
}

/** A stranger is whoever brings nothing, or nothing that is good; somebody known must still meet what is required. */
function strangersToo(alternatives: readonly Alternative[], failures: AttemptCounter): Authenticator {
  const ask = anyOf(alternatives, failures)
  const stranger = (error: unknown): null => {
    if ((error as { code?: string }).code === 'GW_UNAUTHORIZED') return null
    throw error
  }
  return (request) => {
    try {
      const found = ask(request)
      return found instanceof Promise ? found.catch(stranger) : found
    } catch (error) {
      return stranger(error)
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
  // of a list one item; of a text one word, as scopes are written
  return (value) =>
    Array.isArray(value)
      ? value.includes(contains)
      : typeof value === 'string' && value.split(' ').includes(String(contains))
}
