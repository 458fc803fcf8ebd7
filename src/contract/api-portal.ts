import { createHash } from 'node:crypto'
import { documentYaml } from './document-yaml.ts'
import { isObject, type SchemaObject } from './json-schema.ts'
import type { GatewayDocument } from './gateway-document.ts'
import { type Documented, OpenApiDocument } from './openapi-document.ts'
import type { DocumentedRoute } from './openapi-operation.ts'
import { isVisible } from './portal-visibility.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The documents of the gateway; complete once every route is there. */
    portal: ApiPortal
  }
}

/** A document in the forms in which it is sent; each is made once. */
export class PublishedDocument {
  readonly json: string
  #yaml: Promise<string> | undefined
  #digest: string | undefined

  constructor (document: object) {
    this.json = JSON.stringify(document)
  }

  /** A value of its own, plain JSON. */
  get value (): SchemaObject { return JSON.parse(this.json) as SchemaObject }

  /** Changes when the document does. */
  get digest (): string {
    this.#digest ??= createHash('sha256').update(this.json).digest('base64url')
    return this.#digest
  }

  get yaml (): Promise<string> {
    this.#yaml ??= documentYaml(this.value)
    return this.#yaml
  }
}

export interface PortalOptions {
  /** What stands above all operations. */
  about: GatewayDocument
  /** Security Scheme Objects by the names that `auth` uses; asked when the first document is made. */
  securitySchemes: () => Readonly<Record<string, object>>
  /** Scopes whose operations are hidden; `*` at the end stands for any. */
  hideScopes: readonly string[]
  /** Hears of operations that the document of the whole gateway has for another host or condition already. */
  omitted: (operations: string[], route: DocumentedRoute) => void
}

/** The document of the whole gateway and those of its upstreams. Each is made when it is first asked for, and kept. */
export class ApiPortal {
  readonly #options: PortalOptions
  readonly #routes: [route: () => DocumentedRoute, shared: () => Record<string, unknown> | undefined][] = []
  #documented: Documented[] | undefined
  #whole: PublishedDocument | undefined
  readonly #upstreams = new Map<string, PublishedDocument>()

  constructor (options: PortalOptions) {
    this.#options = options
  }

  /**
   * Takes a route in; it is looked at when the first document is made, since others still change it.
   * @param shared  schemas by `$id` that its own may refer to
   */
  add (route: () => DocumentedRoute, shared: () => Record<string, unknown> | undefined): void {
    this.#routes.push([route, shared])
  }

  /** The document of every upstream together. */
  get whole (): PublishedDocument {
    if (this.#whole) return this.#whole
    const { info, servers, tags = [] } = this.#options.about
    const document = this.#document(this.#visible)
    for (const { route, operation } of document.omitted) this.#options.omitted([operation], route)
    const stated = new Set(tags.map(({ name }) => name))
    this.#whole = published({ info, servers }, [...tags, ...document.tags.filter(({ name }) => !stated.has(name))], document)
    return this.#whole
  }

  /** Names of the upstreams that have a document, sorted. */
  get upstreams (): string[] {
    return [...new Set(this.#visible.flatMap(([{ config: { upstream } }]) => upstream === undefined ? [] : [upstream]))].sort()
  }

  /** The document of one upstream; undefined when there is none, or nothing of it is to be seen. */
  upstream (name: string): PublishedDocument | undefined {
    const known = this.#upstreams.get(name)
    if (known) return known
    const routes = this.#visible.filter(([{ config }]) => config.upstream === name)
    if (routes.length === 0) return undefined
    const document = this.#document(routes, true)
    const { about } = this.#options
    const roots = new Set(routes.flatMap(([{ config: { api } }]) => api ? [api.document.root] : []))
    const [root] = roots.size === 1 ? roots : []
    const description = routes.find(([{ config }]) => config.upstreamDescription !== undefined)?.[0].config.upstreamDescription
    const head = {
      info: isObject(root?.info) ? root.info : { title: name, version: about.info.version, ...description === undefined ? {} : { description } },
      servers: about.servers,
      ...isObject(root?.externalDocs) ? { externalDocs: root.externalDocs } : {},
    }
    const made = published(head, document.tags, document)
    this.#upstreams.set(name, made)
    return made
  }

  get #visible (): Documented[] {
    this.#documented ??= this.#routes.map(([route, shared]): Documented => [route(), shared()]).filter(([route]) => isVisible(route, this.#options.hideScopes))
    return this.#documented
  }

  #document (routes: readonly Documented[], single = false): OpenApiDocument {
    return new OpenApiDocument(routes, { securitySchemes: this.#options.securitySchemes(), single })
  }
}

function published (head: object, tags: readonly object[], { paths, components, additionalOperations }: OpenApiDocument): PublishedDocument {
  return new PublishedDocument({
    openapi: '3.1.0', ...head, ...tags.length > 0 ? { tags } : {}, components, paths,
    ...Object.keys(additionalOperations).length > 0 ? { 'x-additional-operations': additionalOperations } : {},
  })
}
