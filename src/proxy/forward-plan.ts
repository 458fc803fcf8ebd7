import { compileIdentityHeaders, type IdentityHeaders } from '../auth/identity-headers.ts'
import type { CredentialPlaces } from '../auth/scheme.ts'
import { OWN_CONTROL } from '../cache/cache-control.ts'
import type { ResponseCheck } from '../validation/response-check.ts'
import { type FallbackAnswer, fallbackAnswer } from '../traffic/resilience/fallback-answer.ts'
import { type HedgePolicy, hedgePolicy } from '../traffic/resilience/hedge-policy.ts'
import type { FallbackSettings, HedgeSettings, RetrySettings } from '../traffic/resilience/resilience-schema.ts'
import { retryPolicy, type RetryPolicy } from '../traffic/resilience/retry-policy.ts'
import type { HeaderRules } from '../upstream/declaration-schema.ts'
import type { TimeoutSettings } from '../upstream/target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { FORWARDED_NAMES, type ForwardedHeaders } from './forwarded-headers.ts'
import { mergeRules, withoutHost } from './header-rules.ts'
import type { Mirror } from './mirror.ts'
import type { RouteCache } from './cached/response-cache.ts'
import { HOP_BY_HOP, nameSet, type NameSet, plainName, withPlainNames } from './hop-by-hop.ts'

/** The settings of a route about forwarding, after inheritance. */
export interface ForwardSettings {
  upstream: Upstream
  /** Whether the route has `auth: 'none'`, so that no credentials are needed. Default: false. */
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
  /** Whether the route checks headers, which must then arrive as they were checked. */
  checksHeaders?: boolean
  preserveHost?: boolean
  sendRealIp?: boolean
  identityHeaders?: Record<string, string>
  requestHeaders?: HeaderRules[]
  responseHeaders?: HeaderRules[]
  /** Checks responses; absent for none. */
  responseCheck?: ResponseCheck | null
  /** Whether a response that breaks it is answered 502. */
  enforceResponse?: boolean
  /** Limit of streamed bodies. Bytes. */
  bodyLimit?: number
  websocket?: boolean
  /** Whether headers are forwarded that replace the method. Default: false. */
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

/** Headers and cookies that may hold credentials. */
export interface CredentialNames {
  readonly headers: readonly string[]
  readonly cookies: readonly string[]
}

/** A header that some routes are chosen by, with its values. */
export interface HeaderCondition {
  /** In lower case. */
  readonly name: string
  readonly values: readonly string[]
}

type Spellings = Readonly<Record<string, readonly string[]>>

/** Facts of all routes together. */
export interface KnownFields {
  /** All places of credentials. Those that are not withheld are forwarded. */
  readonly credentials: CredentialNames
  /** Headers that the service of `forwardAuth` decides by. */
  readonly serviceHeaders: readonly string[]
  /** Headers that routes of the same hosts are chosen by. */
  readonly conditions: readonly HeaderCondition[]
}

const NO_CREDENTIALS: CredentialNames = { headers: ['authorization'], cookies: [] }

/** Everything about forwarding that is known before a request comes. Made once for each route. */
export interface ForwardPlan {
  readonly upstream: Upstream
  /** Whether the route has `auth: 'none'`; on others a request must have passed authentication. */
  readonly open: boolean
  readonly forwarded: ForwardedHeaders
  readonly timeouts: TimeoutSettings
  /** When a request is sent again; null for never. */
  readonly retry: RetryPolicy | null
  /** When a slow request is sent to a second target; null for never. */
  readonly hedge: HedgePolicy | null
  /** The answer when the upstream fails; null for an error. */
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
  /** `Host` for all targets, from a header rule; null for none. */
  readonly fixedHost: string | null
  /** Whether the upstream gets `X-Real-IP`. */
  readonly sendRealIp: boolean
  /** Request headers that are never forwarded as they came; complete once `withhold` has been called. */
  readonly requestDrop: NameSet
  /** Headers to add: name, value, name, value. */
  readonly requestPut: readonly string[]
  /** The credentials and identity headers among them, for `explain`; null before `withhold` has been called. */
  readonly withheld: Required<CredentialPlaces> | null
  /** Headers and cookies with credentials that are forwarded, so that the answer may depend on them. */
  readonly credentials: CredentialNames
  /** Headers that the service of `forwardAuth` decides by, forwarded or not. */
  readonly serviceHeaders: readonly string[]
  /** Cookies and query parameters that are never forwarded; null for none. Complete once `withhold` has been called. */
  readonly dropCookies: readonly string[] | null
  readonly dropQuery: readonly string[] | null
  readonly identity: IdentityHeaders | null
  /** Headers that only the configuration sets, whatever an authentication scheme has found. */
  readonly settled: NameSet
  readonly responseDrop: NameSet
  readonly responsePut: readonly string[]
  readonly responseCheck: ResponseCheck | null
  readonly enforceResponse: boolean
  readonly bodyLimit: number
  readonly websocket: boolean
  /** Gets copies of the requests; null for none. */
  readonly mirror: Mirror | null
  /** Characters of the internal target before the public one. */
  readonly hostLength: number
  /** The part of the route in the cache; null for none. */
  readonly cache: RouteCache | null
}

/** Response headers that reveal what a service runs on. */
const REVEALING = ['server', 'x-powered-by', 'x-aspnet-version', 'x-aspnetmvc-version']

/** Many frameworks replace the method by one of these, which would bypass the rules of the route. */
const METHOD_OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override']

/** Headers that can change the answer of an upstream and are not part of a cache key. */
const UNKEYED = [
  'x-host',
  'x-original-host',
  'x-forwarded-path',
  'x-forwarded-uri',
  'x-amz-website-redirect-location',
  'x-wap-profile',
]

/** Headers that the gateway sets itself, and a name that is unsafe as the key of an object. */
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
      // cache keys do not contain them
      settings.forwardMethodOverride && !settings.cache?.policy ? undefined : METHOD_OVERRIDES,
      // a compressed response cannot be checked before it is sent
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
 * Completes a plan with the credentials and identity headers that its upstream must not get. Called when all routes are
 * registered, which is after the plans were made.
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
