import type { RouteOptions } from 'fastify'
import { authForm, type SchemeName } from '../auth/auth-schema.ts'
import { decidingHeaders, trustedHeaders } from '../auth/forward-auth/forward-auth-schema.ts'
import { withoutCookies } from '../auth/credentials.ts'
import type { AuthScheme, CredentialPlaces } from '../auth/scheme.ts'
import type { Config } from '../config/config-schema.ts'
import { type ForwardPlan, type HeaderCondition, type KnownFields, withhold } from '../proxy/forward-plan.ts'
import { type NameSet, nameSet, withPlainNames } from '../proxy/hop-by-hop.ts'

type Hosts = readonly string[] | undefined

/** A plan that is completed once every route is known. */
interface PlannedRoute {
  plan: ForwardPlan
  hosts: Hosts
  forwardsCredentials: boolean
}

/** A header, in lower case, by which a route is chosen. */
interface RouteCondition {
  hosts: Hosts
  name: string
  value: string
}

/** Routes of one set of hosts, with the schemes that they use. */
interface HostReaders {
  hosts: Hosts
  schemes: Set<SchemeName>
}

/** What a service of the forward-auth kind is not told of a request. */
interface WithheldFromService {
  headers: NameSet
  cookies: readonly string[]
  query: readonly string[]
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Where the credentials and the identity of this gateway can stand in a request. */
    withheldFields: WithheldFields
  }
}

/**
 * Every place in a request where credentials and identity of this gateway can stand: one set for all routes.
 *
 * What a plan withholds from its upstream must not depend on the route's own `auth` alone: a browser sends the session
 * of a login to each path of the host, and the service behind an open path could use it elsewhere. So, on every plan:
 *
 * - sessions of the gateway's own logins and headers that state identity are always withheld;
 * - other credentials (`Authorization`, keys, tokens) are withheld where any route of the same hosts reads them, unless
 *   `forwardCredentials` is set for the upstream or the route.
 *
 * Plans are made while routes are still being registered, so they are completed when the gateway is ready.
 */
export class WithheldFields {
  readonly #identity = new Set<string>()
  readonly #routes: RouteOptions[] = []
  readonly #waiting: PlannedRoute[] = []
  #readers: HostReaders[] = []
  #schemes: ReadonlyMap<SchemeName, AuthScheme> | null = null
  readonly #places = new Map<string, [Required<CredentialPlaces>, KnownFields]>()
  /** Headers by which the service of `forwardAuth` decides. */
  readonly #deciding: readonly string[]
  readonly #conditions: RouteCondition[] = []
  /** Where credentials can stand at all. */
  #credentials: KnownFields['credentials'] = { headers: [], cookies: [] }
  #fromService: WithheldFromService = { headers: nameSet(), cookies: [], query: [] }

  constructor({ identityHeaders = {}, forwardAuth }: Pick<Config, 'identityHeaders' | 'forwardAuth'>) {
    this.addIdentity(Object.keys(identityHeaders))
    if (forwardAuth) this.addIdentity(trustedHeaders(forwardAuth))
    this.#deciding = forwardAuth ? decidingHeaders(forwardAuth) : []
  }

  /** Notes headers in which some upstream is told who is calling. */
  addIdentity(names: readonly string[]): void {
    for (const name of names) this.#identity.add(name.toLowerCase())
  }

  /** Notes a route; what it reads is looked up when all are known, since hooks may still change its `auth`. */
  watch(route: RouteOptions): void {
    this.#routes.push(route)
    const { headers = {} } = (route.constraints ?? {}) as { headers?: Record<string, string> }
    for (const [name, value] of Object.entries(headers)) {
      this.#conditions.push({ hosts: route.config?.hosts, name, value })
    }
  }

  /** Completes a plan: at once when the gateway is ready, else then. */
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
    // cookies are looked at by name: most have nothing to do with who is calling
    const told = this.#deciding.filter((name) => name !== 'cookie')
    this.#credentials = { headers: [...new Set(['authorization', ...headers, ...told])], cookies }
    for (const planned of this.#waiting.splice(0)) this.#complete(planned)
  }

  /**
   * The value of a header as the service of `forwardAuth` may see it: without identity that a client claims, and
   * without cookies that hold credentials of the gateway's other schemes; undefined when nothing is left.
   */
  shownToService(name: string, value: string | string[] | undefined): string | string[] | undefined {
    const { headers, cookies } = this.#fromService
    if (value === undefined || headers[name]) return undefined
    return name === 'cookie' ? (withoutCookies(String(value), cookies) ?? undefined) : value
  }

  /** Parameters of the query that the service is not told of. */
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
      // one for all routes of the same hosts: documents bring thousands
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

  /** Headers by which routes of these hosts are chosen; lists of preferences apart, where several values are usual. */
  #conditionsOn(hosts: Hosts): HeaderCondition[] {
    const values = new Map<string, Set<string>>()
    for (const condition of this.#conditions) {
      if (condition.name.startsWith('accept') || !overlap(hosts, condition.hosts)) continue
      values.set(condition.name, (values.get(condition.name) ?? new Set()).add(condition.value))
    }
    return [...values].map(([name, all]) => ({ name, values: [...all] }))
  }

  /** The service is a reader of its own: headers that `requestHeaders` names reach it, unless they state identity. */
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

/** Whether some host belongs to both sets; a route without hosts answers on all. */
function overlap(one: Hosts, other: Hosts): boolean {
  if (one === undefined || other === undefined) return true
  return one.some((host) => other.some((name) => host === name || includes(host, name) || includes(name, host)))
}

/** Whether `*.example.com` includes `a.example.com`. */
const includes = (wildcard: string, host: string): boolean =>
  wildcard.startsWith('*.') && host.slice(host.indexOf('.')) === wildcard.slice(1)
