import { compileIdentityHeaders, type IdentityHeaders } from '../auth/identity-headers.ts'
import type { CredentialPlaces } from '../auth/scheme.ts'
import { OWN_CONTROL } from '../cache/cache-control.ts'
import type { ResponseCheck } from '../validation/response-check.ts'
import { type FallbackAnswer, fallbackAnswer } from '../traffic/resilience/fallback-answer.ts'
import { type HedgePolicy, hedgePolicy } from '../traffic/resilience/hedge-policy.ts'
import type { FallbackSettings, HedgeSettings, RetrySettings } from '../traffic/resilience/resilience-schema.ts'
import { type RetryPolicy, retryPolicy } from '../traffic/resilience/retry-policy.ts'
import type { HeaderRules } from '../upstream/declaration-schema.ts'
import type { TimeoutSettings } from '../upstream/target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { FORWARDED_NAMES, type ForwardedHeaders } from './forwarded-headers.ts'
import { mergeRules, withoutHost } from './header-rules.ts'
import type { Mirror } from './mirror.ts'
import type { RouteCache } from './cached/response-cache.ts'
import { HOP_BY_HOP, nameSet, type NameSet, plainName, withPlainNames } from './hop-by-hop.ts'

/** What a route says about forwarding, after inheritance. */
export interface ForwardSettings {
  upstream: Upstream
  /** Whether the route says `auth: 'none'`, so that nobody is asked for credentials. Default: false. */
  open?: boolean
  forwarded: ForwardedHeaders
  timeouts: TimeoutSettings
  retries?: RetrySettings
  hedging?: HedgeSettings
  fallback?: FallbackSettings
  /** Characters of the internal target before the path that is forwarded. */
  stripLength?: number
  /** Public prefix that the upstream does not see. */
  strippedPrefix?: string
  rewrite?: ForwardPlan['rewrite']
  /** Whether headers have been looked at that must arrive as they were. */
  checksHeaders?: boolean
  preserveHost?: boolean
  sendRealIp?: boolean
  identityHeaders?: Record<string, string>
  requestHeaders?: HeaderRules[]
  responseHeaders?: HeaderRules[]
  /** Looks at responses; absent for none. */
  responseCheck?: ResponseCheck | null
  /** Whether what breaks it is answered 502. */
  enforceResponse?: boolean
  /** Bytes; for bodies that are streamed. */
  bodyLimit?: number
  websocket?: boolean
  /** Whether headers go on by which a service replaces the method. Default: false. */
  forwardMethodOverride?: boolean
  /** Headers that the route's schema checks, in lower case. */
  checkedHeaders?: readonly string[]
  /** Response headers that the gateway states itself on this route. */
  ownResponseHeaders?: readonly string[]
  mirror?: Mirror | null
  /** Characters of the internal target before the public one. */
  hostLength?: number
  cache?: RouteCache | null
}

/** Names by which the credentials of a request are found. */
export interface CredentialNames {
  readonly headers: readonly string[]
  readonly cookies: readonly string[]
}

/** The values of a header by which some routes are chosen. */
export interface HeaderCondition {
  /** In lower case. */
  readonly name: string
  readonly values: readonly string[]
}

type Spellings = Readonly<Record<string, readonly string[]>>

/** What is known of all routes together. */
export interface KnownFields {
  /** Where credentials can stand at all; those that are not withheld go on. */
  readonly credentials: CredentialNames
  /** Headers by which the service of `forwardAuth` decides. */
  readonly serviceHeaders: readonly string[]
  /** Headers that routes of the same hosts are chosen by. */
  readonly conditions: readonly HeaderCondition[]
}

const NO_CREDENTIALS: CredentialNames = { headers: ['authorization'], cookies: [] }

/** Everything about forwarding that can be known before a request comes, made once for each route. */
export interface ForwardPlan {
  readonly upstream: Upstream
  /** Whether the route says `auth: 'none'`; on others a request must have passed authentication. */
  readonly open: boolean
  readonly forwarded: ForwardedHeaders
  readonly timeouts: TimeoutSettings
  /** When a request is sent again; null for never. */
  readonly retry: RetryPolicy | null
  /** When a slow request is sent twice; null for never. */
  readonly hedge: HedgePolicy | null
  /** What the client gets when the upstream has failed it; null for an error. */
  readonly fallback: FallbackAnswer | null
  readonly stripLength: number
  readonly strippedPrefix: string
  /** From the route's parameters and the internal target to the upstream's path. */
  readonly rewrite: ((params: Record<string, string | undefined>, target: string) => string) | null
  readonly checksHeaders: boolean
  /** By plain name, the checked headers that may be forwarded under it; other spellings are dropped. Null for none. */
  readonly spellings: Spellings | null
  /** Headers that routes of the same hosts are chosen by; null for none. */
  readonly conditions: readonly HeaderCondition[] | null
  readonly preserveHost: boolean
  /** `Host` for all targets, as a header rule states it; null for none. */
  readonly fixedHost: string | null
  /** Whether the upstream gets `X-Real-IP`. */
  readonly sendRealIp: boolean
  /** Request headers that never go on as they came; complete once `withhold` has been called. */
  readonly requestDrop: NameSet
  /** Name, value, name, value of the headers to put in. */
  readonly requestPut: readonly string[]
  /** What of them are credentials and identity, for people to read; null before `withhold` has been called. */
  readonly withheld: Required<CredentialPlaces> | null
  /** Headers and cookies with credentials of any scheme that do go on, by which the upstream may answer differently. */
  readonly credentials: CredentialNames
  /** Headers by which the service of `forwardAuth` decides, whether or not they go on. */
  readonly serviceHeaders: readonly string[]
  /** Cookies and parameters of the query that never go on; null for none. Complete once `withhold` has been called. */
  readonly dropCookies: readonly string[] | null
  readonly dropQuery: readonly string[] | null
  readonly identity: IdentityHeaders | null
  /** Headers on which the configuration has the last word, whatever a scheme has found out. */
  readonly settled: NameSet
  readonly responseDrop: NameSet
  readonly responsePut: readonly string[]
  readonly responseCheck: ResponseCheck | null
  readonly enforceResponse: boolean
  readonly bodyLimit: number
  readonly websocket: boolean
  /** Where copies of the requests go. */
  readonly mirror: Mirror | null
  /** Characters of the internal target before the public one. */
  readonly hostLength: number
  /** What it has of the cache; null for nothing. */
  readonly cache: RouteCache | null
}

/** Names an upstream uses to tell what it runs on. */
const REVEALING = ['server', 'x-powered-by', 'x-aspnet-version', 'x-aspnetmvc-version']

/**
 * By these many frameworks replace the method, which would carry a request past the rules of the route it was sent to.
 */
const METHOD_OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override']

/** What may make an upstream answer as though another request had come, and is no part of a cache's key. */
const UNKEYED = [
  'x-host',
  'x-original-host',
  'x-forwarded-path',
  'x-forwarded-uri',
  'x-amz-website-redirect-location',
  'x-wap-profile',
]

/**
 * Headers that the gateway states itself, as an upstream's copy would contradict it, and one that would be no field of
 * an object.
 */
const OWN_RESPONSE_HEADERS = ['x-request-id', 'ratelimit', 'ratelimit-policy', '__proto__']

export function forwardPlan(settings: ForwardSettings): ForwardPlan {
  const identity =
    Object.keys(settings.identityHeaders ?? {}).length > 0 ? compileIdentityHeaders(settings.identityHeaders!) : null
  const request = mergeRules(settings.requestHeaders)
  const response = mergeRules(settings.responseHeaders)
  const { host: fixedHost, put: requestPut } = withoutHost(request.put)
  const { responseCheck = null } = settings
  return {
    upstream: settings.upstream,
    open: settings.open ?? false,
    forwarded: settings.forwarded,
    timeouts: settings.timeouts,
    retry: retryPolicy(settings.retries),
    hedge: hedgePolicy(settings.hedging),
    fallback: fallbackAnswer(settings.fallback),
    stripLength: settings.stripLength ?? 0,
    strippedPrefix: settings.strippedPrefix ?? '',
    rewrite: settings.rewrite ?? null,
    checksHeaders: settings.checksHeaders ?? false,
    spellings: spellingsOf([...(settings.checkedHeaders ?? []), ...(settings.cache?.policy?.key.countedHeaders ?? [])]),
    conditions: null,
    preserveHost: fixedHost === null && (settings.preserveHost ?? false),
    fixedHost,
    sendRealIp: settings.sendRealIp === true && !request.drop.includes('x-real-ip'),
    requestDrop: nameSet(
      HOP_BY_HOP,
      FORWARDED_NAMES,
      ['host', 'expect', 'via', 'x-request-id'],
      withPlainNames([...(identity?.names ?? []), ...request.drop]),
      settings.cache?.policy ? UNKEYED : undefined,
      // no key of a cache knows of them
      settings.forwardMethodOverride && !settings.cache?.policy ? undefined : METHOD_OVERRIDES,
      // a compressed response could not be refused before it is sent
      responseCheck !== null && settings.enforceResponse ? ['accept-encoding'] : undefined,
    ),
    withheld: null,
    credentials: NO_CREDENTIALS,
    serviceHeaders: [],
    requestPut,
    dropCookies: settings.upstream.affinity === null ? null : [settings.upstream.affinity.cookie],
    dropQuery: null,
    identity,
    settled: nameSet(identity?.names, request.drop),
    responseDrop: nameSet(
      HOP_BY_HOP,
      REVEALING,
      OWN_RESPONSE_HEADERS,
      settings.ownResponseHeaders,
      response.drop,
      settings.cache ? [OWN_CONTROL] : undefined,
    ),
    responsePut: response.put,
    responseCheck,
    enforceResponse: settings.enforceResponse ?? false,
    bodyLimit: settings.bodyLimit ?? Infinity,
    websocket: settings.websocket ?? false,
    mirror: settings.mirror ?? null,
    hostLength: settings.hostLength ?? 0,
    cache: settings.cache ?? null,
  }
}

/**
 * Completes a plan with credentials and identity that its upstream must not get. Routes are known only when all of them
 * are registered, which is after the plans were made.
 */
export function withhold(plan: ForwardPlan, withheld: Required<CredentialPlaces>, known: KnownFields): void {
  const { headers, cookies, query } = withheld
  const own = plan as { -readonly [Field in keyof ForwardPlan]: ForwardPlan[Field] }
  own.withheld = withheld
  own.requestDrop = nameSet(Object.keys(plan.requestDrop), withPlainNames(headers))
  own.dropCookies = orNull([...(plan.dropCookies ?? []), ...cookies])
  own.credentials = {
    headers: known.credentials.headers.filter((name) => !own.requestDrop[name]),
    cookies: known.credentials.cookies.filter((name) => own.dropCookies === null || !own.dropCookies.includes(name)),
  }
  own.serviceHeaders = known.serviceHeaders
  if (known.conditions.length > 0) {
    own.conditions = known.conditions
    own.spellings = spellingsOf([
      ...Object.values(plan.spellings ?? {}).flat(),
      ...known.conditions.map(({ name }) => name),
    ])
  }
  own.dropQuery = orNull([...(plan.dropQuery ?? []), ...query])
}

function spellingsOf(names: readonly string[]): Spellings | null {
  if (names.length === 0) return null
  const spellings: Record<string, string[]> = Object.create(null)
  for (const name of new Set(names)) (spellings[plainName(name)] ??= []).push(name)
  return spellings
}

const orNull = (names: readonly string[] = []): readonly string[] | null => (names.length > 0 ? names : null)
