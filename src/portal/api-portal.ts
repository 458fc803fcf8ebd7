import { createHash } from 'node:crypto'
import { hostRank, namesHost, passedOn, reachedOn } from './document-host.ts'
import { isPassedThrough, isVisible } from './portal-visibility.ts'
import { withNote } from './document-tags.ts'
import { documentYaml } from './document-yaml.ts'
import { addressed, holdsAddress } from './terminal-notes.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import type { GatewayDocument } from './gateway-document.ts'
import { type Documented, type DocumentOptions, OpenApiDocument } from './openapi-document.ts'
import type { DocumentedRoute } from './openapi-operation.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The documents of the gateway; complete once every route is registered. */
    portal: ApiPortal
  }
}

/** A document in the forms in which it is sent: JSON and YAML. Each is made once. */
export class PublishedDocument {
  readonly #json: string
  readonly #address: string
  #yaml: Promise<string> | undefined
  #digest: string | undefined

  /** @param address  of the gateway, for use without a request, such as `http://127.0.0.1:3000` */
  constructor(document: object, address: string) {
    this.#json = JSON.stringify(document)
    this.#address = address
  }

  /** A fresh copy, as plain JSON. */
  get value(): SchemaObject {
    return JSON.parse(this.json()) as SchemaObject
  }

  /** @param address  of the gateway as the client sees it */
  json(address = this.#address): string {
    return addressed(this.#json, address)
  }

  /** As `json`. */
  async yaml(address = this.#address): Promise<string> {
    this.#yaml ??= documentYaml(JSON.parse(this.#json) as SchemaObject)
    return addressed(await this.#yaml, address)
  }

  /** Changes when the document does. */
  digest(address = this.#address): string {
    this.#digest ??= sha256(this.#json)
    return holdsAddress(this.#json) ? sha256(`${this.#digest} ${address}`) : this.#digest
  }

  /** Characters in memory. */
  get size(): number {
    return this.#json.length * (this.#yaml ? 2 : 1)
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** Default of `keep`: 32 Mi characters. */
const KEPT = 32 * 1024 * 1024

export interface PortalOptions {
  /** Title, servers and tags of the document. */
  about: GatewayDocument
  /** Security Scheme Objects by the names that `auth` uses; called when the first document is made. */
  securitySchemes: () => Readonly<Record<string, object>>
  /** Address of the gateway, for use without a request, such as `http://127.0.0.1:3000`. */
  address: string
  /** Scopes whose operations are hidden; `*` at the end matches any rest. */
  hideScopes: readonly string[]
  /** Most characters of cached documents of single hosts; the oldest are evicted. */
  keep?: number
  /**
   * Called once when the document of the whole gateway shows one operation where several routes share a method and
   * path.
   */
  shared: (operations: string[]) => void
}

/** The documents of the whole gateway, of its hosts and of its upstreams. Each is made on first request and cached. */
export class ApiPortal {
  readonly #options: PortalOptions
  readonly #routes: [route: () => DocumentedRoute, shared: () => Record<string, unknown> | undefined][] = []
  #known: { operations: Documented[]; passedThrough: DocumentedRoute[] } | undefined
  #whole: PublishedDocument | undefined
  readonly #upstreams = new Map<string, PublishedDocument>()
  /** By the set of routes that name the host, so that the number of entries is bounded by the configuration. */
  readonly #hosts = new Map<string, PublishedDocument>()

  constructor(options: PortalOptions) {
    this.#options = options
  }

  /**
   * Adds a route. It is read when the first document is made, since other plugins still change it.
   * @param shared  shared schemas by `$id` that the route's schemas may refer to
   */
  add(route: () => DocumentedRoute, shared: () => Record<string, unknown> | undefined): void {
    this.#routes.push([route, shared])
  }

  /** The document of all upstreams together. */
  get whole(): PublishedDocument {
    if (this.#whole) return this.#whole
    const { operations, passedThrough } = this.#visible
    const document = this.#document(operations, { passedThrough })
    if (document.omitted.length > 0) this.#options.shared(document.omitted.map(({ operation }) => operation))
    this.#whole = this.#merged(document)
    return this.#whole
  }

  /** Whether an upstream names this host, itself or with a wildcard. */
  names(host: string): boolean {
    const { operations, passedThrough } = this.#visible
    return [...operations.map(([route]) => route), ...passedThrough].some((route) => namesHost(route, host))
  }

  /**
   * The document of the operations that clients reach on one host.
   * @param host     name without a port, in lower case
   * @param isAsked  whether the document is requested on that host, so that it need not name its servers
   */
  onHost(host: string, isAsked: boolean): PublishedDocument {
    const { operations, passedThrough } = this.#visible
    const routes = [...operations.map(([route]) => route), ...passedThrough]
    const ranks = new Set(
      routes
        .filter((route) => namesHost(route, host))
        .map(({ config: { hosts } }) => `${hosts!.join()} ${hostRank(hosts, host)}`),
    )
    const key = [isAsked, ...[...ranks].sort()].join(' ')
    const known = this.#hosts.get(key)
    if (known) return known
    const passed = passedOn(passedThrough, host)
    const made = this.#merged(
      this.#document(reachedOn(operations, passed, host), { passedThrough: passed, isOfHost: isAsked }),
    )
    this.#hosts.set(key, made)
    let kept = [...this.#hosts.values()].reduce((sum, { size }) => sum + size, 0)
    for (const [oldest, { size }] of this.#hosts) {
      if (kept <= (this.#options.keep ?? KEPT) || oldest === key) break
      this.#hosts.delete(oldest)
      kept -= size
    }
    return made
  }

  /** Names of the upstreams that have a document, sorted. @param host  only those with operations on this host */
  upstreams(host?: string): string[] {
    const { operations } = this.#visible
    const routes = operations
      .map(([route]) => route)
      .filter((route) => host === undefined || route.config.hosts === undefined || namesHost(route, host))
    return [...new Set(routes.flatMap(({ config: { upstream } }) => (upstream === undefined ? [] : [upstream])))].sort()
  }

  /** The document of one upstream; undefined when there is none, or all its operations are hidden. */
  upstream(name: string): PublishedDocument | undefined {
    const known = this.#upstreams.get(name)
    if (known) return known
    const { operations, passedThrough } = this.#visible
    const routes = operations.filter(([{ config }]) => config.upstream === name)
    if (routes.length === 0) return undefined
    const document = this.#document(routes, {
      single: true,
      passedThrough: passedThrough.filter(({ config }) => config.upstream === name),
    })
    const { about } = this.#options
    const roots = new Set(
      routes.flatMap(
        ([
          {
            config: { api },
          },
        ]) => (api ? [api.document.root] : []),
      ),
    )
    const [root] = roots.size === 1 ? roots : []
    const description = routes.find(([{ config }]) => config.upstreamDescription !== undefined)?.[0].config
      .upstreamDescription
    const info = isObject(root?.info)
      ? root.info
      : { title: name, version: about.info.version, ...(description === undefined ? {} : { description }) }
    const head = {
      info: withNote(info, document.passedThrough[0]?.note),
      servers: about.servers,
      ...(isObject(root?.externalDocs) ? { externalDocs: root.externalDocs } : {}),
    }
    const made = this.#published(head, document.tags, document)
    this.#upstreams.set(name, made)
    return made
  }

  get #visible(): { operations: Documented[]; passedThrough: DocumentedRoute[] } {
    if (this.#known) return this.#known
    const { hideScopes } = this.#options
    const documented = this.#routes.map(([route, shared]): Documented => [route(), shared()])
    this.#known = {
      operations: documented.filter(([route]) => isVisible(route, hideScopes)),
      passedThrough: documented.map(([route]) => route).filter((route) => isPassedThrough(route, hideScopes)),
    }
    return this.#known
  }

  #document(routes: readonly Documented[], options: Omit<DocumentOptions, 'securitySchemes'>): OpenApiDocument {
    return new OpenApiDocument(routes, {
      securitySchemes: this.#options.securitySchemes(),
      server: this.#options.about.servers?.[0]?.url,
      ...options,
    })
  }

  /** A document of several upstreams, with the texts of `gateway.yaml`. */
  #merged(document: OpenApiDocument): PublishedDocument {
    const { info, servers, tags = [] } = this.#options.about
    const notes = new Map(document.passedThrough.map(({ upstream, note }) => [upstream, note]))
    const stated = new Set(tags.map(({ name }) => name))
    // a page shows operations only, so it would not show these upstreams at all
    const unlisted = document.passedThrough
      .filter(({ isWhole }) => isWhole)
      .map(({ upstream, note }) => `- ${upstream}: ${note}`)
    const head = {
      info: withNote(info, unlisted.length > 0 ? `Without a list of operations:\n\n${unlisted.join('\n')}` : undefined),
      servers,
    }
    return this.#published(
      head,
      [
        ...tags.map((tag) => withNote(tag, notes.get(tag.name))),
        ...document.tags.filter(({ name }) => !stated.has(name)),
      ],
      document,
    )
  }

  #published(
    head: object,
    tags: readonly object[],
    { paths, components, additionalOperations }: OpenApiDocument,
  ): PublishedDocument {
    return new PublishedDocument(
      {
        openapi: '3.1.0',
        ...head,
        ...(tags.length > 0 ? { tags } : {}),
        components,
        paths,
        ...(Object.keys(additionalOperations).length > 0 ? { 'x-additional-operations': additionalOperations } : {}),
      },
      this.#options.address,
    )
  }
}
