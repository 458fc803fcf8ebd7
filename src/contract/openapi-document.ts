import { sharedComponents } from './openapi-answers.ts'
import { describeOperation, type DocumentedRoute } from './openapi-operation.ts'
import { type DocumentPath, documentPath } from './openapi-path.ts'
import { DocumentSchemas } from './openapi-schema.ts'

/** Methods that a path item of OpenAPI 3.1 has a field for. */
const FIELDS = new Set(['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE'])

interface PathEntry extends DocumentPath {
  /** Operations by the field of a path item. */
  item: Record<string, object>
  /** Operations by method, as `additionalOperations` of OpenAPI 3.2 has them. */
  further: Record<string, object>
}

/** Gathers the operations of a gateway into the paths and components of one OpenAPI 3.1 document. */
export class OpenApiDocument {
  readonly #schemas = new DocumentSchemas()
  readonly #byShape = new Map<string, PathEntry>()
  readonly #operationIds = new Set<string>()
  readonly #securitySchemes: Readonly<Record<string, object>>

  /** @param securitySchemes  Security Scheme Objects by the names that `auth` uses */
  constructor (securitySchemes: Readonly<Record<string, object>> = {}) {
    this.#securitySchemes = securitySchemes
  }

  /**
   * Adds each method of a route, unless the route is hidden or ends in a wildcard.
   * @param shared  schemas by `$id` that the route's own may refer to
   * @returns operations that the document has already, for another host or condition, and so cannot have again
   */
  add (route: DocumentedRoute, shared?: Record<string, unknown>): string[] {
    const pattern = route.config.publicUrl ?? route.url
    // the router's own routes, Swagger UI's for example, say nothing of who may call
    if (route.schema?.hide || pattern.includes('*') || route.config.auth === undefined) return []
    const own = documentPath(pattern)
    let entry = this.#byShape.get(own.shape)
    if (!entry) this.#byShape.set(own.shape, entry = { ...own, item: {}, further: {} })
    const parameters = own.parameters.map((name, i) => [name, entry.parameters[i]!] as const)
    const taken: string[] = []
    for (const method of [route.method].flat()) {
      const [map, field] = FIELDS.has(method) ? [entry.item, method.toLowerCase()] : [entry.further, method]
      if (map[field]) taken.push(`${method} ${entry.path}`)
      else map[field] = describeOperation(route, { operationId: this.#operationId(route, method, own.path), parameters, schemas: this.#schemas, shared, securitySchemes: this.#securitySchemes })
    }
    return taken
  }

  get paths (): Record<string, object> { return this.#byPath('item') }

  /** Operations of methods that OpenAPI 3.1 has no place for, such as QUERY (RFC 10008): path, method, operation. */
  get additionalOperations (): Record<string, object> { return this.#byPath('further') }

  get components (): Record<string, object> {
    const shared = sharedComponents()
    return { ...Object.keys(this.#securitySchemes).length > 0 ? { securitySchemes: this.#securitySchemes } : {}, ...shared, schemas: { ...shared.schemas, ...this.#schemas.components } }
  }

  #byPath (kind: 'item' | 'further'): Record<string, object> {
    const entries = [...this.#byShape.values()].filter((entry) => Object.keys(entry[kind]).length > 0)
    return Object.fromEntries(entries.map((entry) => [entry.path, entry[kind]]))
  }

  /** Unique, and the same at each start. */
  #operationId ({ schema, config }: DocumentedRoute, method: string, path: string): string {
    const words = [config.upstream ?? 'gateway', method.toLowerCase(), ...path.split(/[^A-Za-z0-9_]+/).filter(Boolean)]
    const base = schema?.operationId ?? words.join('-')
    let id = base
    if (this.#operationIds.has(id)) id = `${base}-${method.toLowerCase()}`
    for (let i = 2; this.#operationIds.has(id); i++) id = `${base}-${method.toLowerCase()}-${i}`
    this.#operationIds.add(id)
    return id
  }
}
