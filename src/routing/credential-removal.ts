import type { RouteOptions } from 'fastify'
import { authForm, type SchemeName } from '../auth/auth-schema.ts'
import { decidingHeaders, trustedHeaders } from '../auth/forward-auth/forward-auth-schema.ts'
import { withoutCookies } from '../auth/credentials.ts'
import type { AuthScheme, CredentialPlaces } from '../auth/scheme.ts'
import type { Config } from '../config/config-schema.ts'
import { type ForwardPlan, type HeaderCondition, type KnownFields, withhold } from '../proxy/forward-plan.ts'
import { type NameSet, nameSet, withPlainNames } from '../proxy/hop-by-hop.ts'

type Hosts = readonly string[] | undefined

/** A plan that is completed when every route is known. */
interface PlannedRoute {
  plan: ForwardPlan
  hosts: Hosts
  forwardsCredentials: boolean
}

/** A header, in lower case, in the `match` of a route. */
interface RouteCondition {
  hosts: Hosts
  name: string
  value: string
}

/** The routes of one set of hosts, with their schemes. */
interface HostReaders {
  hosts: Hosts
  schemes: Set<SchemeName>
}

/** What the service of `forwardAuth` must not see of a request. */
interface WithheldFromService {
  headers: NameSet
  cookies: readonly string[]
  query: readonly string[]
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The places of the gateway's credentials and identity headers in a request. */
    credentialRemoval: CredentialRemoval
  }
}

/**
 * Removes the gateway's credentials from requests to upstreams. One set of places for all routes.
 *
 * The removal must not depend on the route's own `auth` alone: a browser sends a login session to every path of the
 * host, and the service behind an open path could reuse it. So, for every plan:
 *
 * - login sessions of the gateway and identity headers are always removed;
 * - other credentials (`Authorization`, keys, tokens) are removed where any route of the same hosts reads them, unless
 *   `forwardCredentials` is set for the upstream or the route.
 *
 * Plans are created while routes are still being registered, so they are completed when the gateway is ready.
 */
export class CredentialRemoval {
  readonly #identity = new Set<string>()
  readonly #routes: RouteOptions[] = []
  readonly #waiting: PlannedRoute[] = []
  #readers: HostReaders[] = []
  #schemes: ReadonlyMap<SchemeName, AuthScheme> | null = null
  readonly #places = new Map<string, [Required<CredentialPlaces>, KnownFields]>()
  /** Request headers that the service of `forwardAuth` reads. */
  readonly #deciding: readonly string[]
  readonly #conditions: RouteCondition[] = []
  /** All places of credentials. */
  #credentials: KnownFields['credentials'] = { headers: [], cookies: [] }
  #fromService: WithheldFromService = { headers: nameSet(), cookies: [], query: [] }

  constructor({ identityHeaders = {}, forwardAuth }: Pick<Config, 'identityHeaders' | 'forwardAuth'>) {
    this.addIdentity(Object.keys(identityHeaders))
    if (forwardAuth) this.addIdentity(trustedHeaders(forwardAuth))
    this.#deciding = forwardAuth ? decidingHeaders(forwardAuth) : []
  }

  /** Records the identity headers of an upstream. */
  addIdentity(names: readonly string[]): void {
    for (const name of names) this.#identity.add(name.toLowerCase())
  }

  /** Records a route. Its `auth` is read when all routes are known, since hooks may still change it. */
  watch(route: RouteOptions): void {
    this.#routes.push(route)
    const { headers = {} } = (route.constraints ?? {}) as { headers?: Record<string, string> }
    for (const [name, value] of Object.entries(headers)) {
      this.#conditions.push({ hosts: route.config?.hosts, name, value })
    }
  }

  /** Completes a plan, at once or when the gateway is ready. */
  apply(plan: ForwardPlan, hosts: Hosts, forwardsCredentials: boolean): void {
    const planned = { plan, hosts, forwardsCredentials }
    if (this.#schemes === null) this.#waiting.push(planned)
    else this.#complete(planned)
  }

  /** Completes every plan; called once, before the first request. */
  ready(schemes: ReadonlyMap<SchemeName, AuthScheme>): void {
    this.#schemes = schemes
    this.#readers = readersOf(this.#routes.splice(0))
    this.#fromService = this.#withheldFromService()
    const { headers, cookies } = placesOf([...schemes.values()])
    // cookies are checked by name: most hold no credentials
    const told = this.#deciding.filter((name) => name !== 'cookie')
    this.#credentials = { headers: [...new Set(['authorization', ...headers, ...told])], cookies }
    for (const planned of this.#waiting.splice(0)) this.#complete(planned)
  }

  /**
   * The value of a header for the service of `forwardAuth`: without identity headers from the client, and without
   * cookies with credentials of the gateway's other schemes; undefined when nothing is left.
   */
  shownToService(name: string, value: string | string[] | undefined): string | string[] | undefined {
    const { headers, cookies } = this.#fromService
    if (value === undefined || headers[name]) return undefined
    return name === 'cookie' ? (withoutCookies(String(value), cookies) ?? undefined) : value
  }

  /** Query parameters that the service does not get. */
  get queryHiddenFromService(): readonly string[] {
    return this.#fromService.query
  }

  #complete({ plan, hosts, forwardsCredentials }: PlannedRoute): void {
    const key = JSON.stringify([hosts, forwardsCredentials])
    let places = this.#places.get(key)
    if (places === undefined) {
      const known = {
        credentials: this.#credentials,
        serviceHeaders: this.#deciding,
        conditions: this.#conditionsOn(hosts),
      }
      // shared by all routes of the same hosts: API documents have thousands
      this.#places.set(key, (places = [this.#withheldOn(hosts, forwardsCredentials), known]))
    }
    withhold(plan, ...places)
  }

  #withheldOn(hosts: Hosts, forwardsCredentials: boolean): Required<CredentialPlaces> {
    const schemes = [...this.#schemes!.values()]
    const names = new Set(
      this.#readers.filter((other) => overlap(hosts, other.hosts)).flatMap((other) => [...other.schemes]),
    )
    const read = schemes.filter(({ name, isSession = false }) => isSession || (!forwardsCredentials && names.has(name)))
    const { headers, cookies, query } = placesOf(read)
    return { headers: [...new Set([...headers, ...this.#identity])], cookies, query }
  }

  /** Headers in the `match` of routes on these hosts, except preference lists, where several values are usual. */
  #conditionsOn(hosts: Hosts): HeaderCondition[] {
    const values = new Map<string, Set<string>>()
    for (const condition of this.#conditions) {
      if (condition.name.startsWith('accept') || !overlap(hosts, condition.hosts)) continue
      values.set(condition.name, (values.get(condition.name) ?? new Set()).add(condition.value))
    }
    return [...values].map(([name, all]) => ({ name, values: [...all] }))
  }

  /** The service gets the headers named in `requestHeaders`, except identity headers. */
  #withheldFromService(): WithheldFromService {
    const { cookies, query } = placesOf([...this.#schemes!.values()].filter(({ name }) => name !== 'forwardAuth'))
    return { headers: nameSet(withPlainNames([...this.#identity])), cookies, query }
  }
}

function readersOf(routes: readonly RouteOptions[]): HostReaders[] {
  const readers = new Map<string, HostReaders>()
  for (const { config = {} } of routes) {
    if (config.auth === undefined || config.auth === 'none') continue
    const key = JSON.stringify(config.hosts) ?? ''
    const known = readers.get(key) ?? { hosts: config.hosts, schemes: new Set() }
    readers.set(key, known)
    for (const { scheme } of authForm(config.auth).uses) known.schemes.add(scheme)
  }
  return [...readers.values()]
}

function placesOf(schemes: readonly AuthScheme[]): Required<CredentialPlaces> {
  const all = (kind: keyof CredentialPlaces): string[] => [
    ...new Set(schemes.flatMap(({ credentials }) => credentials[kind] ?? [])),
  ]
  return { headers: all('headers'), cookies: all('cookies'), query: all('query') }
}

/** Whether two sets of hosts overlap; a route without hosts answers on all. */
function overlap(one: Hosts, other: Hosts): boolean {
  if (one === undefined || other === undefined) return true
  return one.some((host) => other.some((name) => host === name || includes(host, name) || includes(name, host)))
}

/** Whether `*.example.com` includes `a.example.com`. */
const includes = (wildcard: string, host: string): boolean =>
  wildcard.startsWith('*.') && host.slice(host.indexOf('.')) === wildcard.slice(1)
