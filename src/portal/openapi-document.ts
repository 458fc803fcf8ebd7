import { pointerToken } from '../schema/json-pointer.ts'
import type { ApiDocument } from '../schema/types.ts'
import { ComponentNames, UniqueNames, PlacedSchemas } from './placed-schemas.ts'
import { DocumentTags, passedThroughNotes, type TagObject, type PassedThrough } from './document-tags.ts'
import { ImportedComponents, type OperationTarget } from './imported-components.ts'
import { sharedComponents } from './openapi-answers.ts'
import { describeOperation, type DocumentedRoute } from './openapi-operation.ts'
import { type DocumentPath, documentPath, renamedPath } from './openapi-path.ts'
import { patternOf } from './portal-visibility.ts'

/** Methods that a path item of OpenAPI 3.1 has a field for. */
const FIELDS = new Set(['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE'])

/** A route in a document, and the shared schemas by `$id` that its schemas may refer to. */
export type Documented = readonly [route: DocumentedRoute, shared?: Record<string, unknown>]

interface PathEntry extends DocumentPath {
  /** Whether its parameters are named by an imported document. */
  imported: boolean
  /** Operations by the field of a path item. */
  item: Record<string, object>
  /** Operations by method, as `additionalOperations` of OpenAPI 3.2 has them. */
  further: Record<string, object>
}

/** An operation that has a place in the document, before it is described. */
interface Placed {
  documented: Documented
  method: string
  own: DocumentPath
  entry: PathEntry
  operationId: string
  imported?: Import
  /** Routes with the same place. */
  others: DocumentedRoute[]
}

/** What one upstream imports from one document. */
interface Import {
  upstream: string
  document: ApiDocument
  components: ImportedComponents
  /** Operations by `operationId` and by JSON pointer of the document. */
  placed: Map<string, Placed>
}

export interface DocumentOptions {
  /** Security Scheme Objects by the names that `auth` uses. */
  securitySchemes?: Readonly<Record<string, object>>
  /** URL of the first server. */
  server?: string
  /** The document is that of one upstream: names and tags come from its imported document. */
  single?: boolean
  /** The document is that of one host: operations need not name their hosts. */
  isOfHost?: boolean
  /** Routes that pass everything below a prefix through. */
  passedThrough?: readonly DocumentedRoute[]
}

/**
 * Gathers routes into the paths and components of one OpenAPI 3.1 document. The same routes make the same document, in
 * whatever order their files have been read.
 */
export class OpenApiDocument {
  readonly paths: Record<string, object>
  /** Operations of methods that OpenAPI 3.1 has no field for, such as QUERY (RFC 10008), by path and method. */
  readonly additionalOperations: Record<string, object>
  readonly components: Record<string, Record<string, unknown>>
  /** The tags with their descriptions. */
  readonly tags: TagObject[]
  /** The pass-throughs beside the operations. */
  readonly passedThrough: readonly PassedThrough[]
  /** Operations that are left out, since another route has the same method and path. */
  readonly omitted: { route: DocumentedRoute; operation: string }[] = []
  readonly #names = new ComponentNames()
  readonly #schemas = new PlacedSchemas(this.#names)
  readonly #operationIds = new UniqueNames()
  readonly #byShape = new Map<string, PathEntry>()
  /** Placed operations, by method and shape of the path. */
  readonly #places = new Map<string, Placed>()
  readonly #imports: Import[] = []
  readonly #options: DocumentOptions

  constructor(routes: readonly Documented[], options: DocumentOptions = {}) {
    this.#options = options
    const { schemas, ...shared } = sharedComponents()
    for (const [section, components] of Object.entries({ schemas, ...shared })) {
      for (const name of Object.keys(components)) this.#names.take(section, name)
    }
    // all operations get their place before one is described, since links refer to other operations
    const placed = routes.toSorted(byUpstream).flatMap((documented) => this.#place(documented))
    const tags = new DocumentTags(options.single ?? false)
    for (const operation of placed) this.#describe(operation, tags)
    for (const { components } of this.#imports) components.finish()
    this.paths = this.#byPath('item')
    this.additionalOperations = this.#byPath('further')
    this.passedThrough = passedThroughNotes(options.passedThrough ?? [], (name) => tags.hasOperations(name))
    this.tags = tags.described(this.#imports, options.single ? [] : this.passedThrough)
    const { securitySchemes = {} } = options
    const sections: Record<string, Record<string, unknown>> = {
      ...(Object.keys(securitySchemes).length > 0 ? { securitySchemes } : {}),
      schemas: { ...schemas, ...this.#schemas.components },
      ...shared,
    }
    for (const { components } of this.#imports) {
      for (const [section, own] of Object.entries(components.sections)) {
        sections[section] = { ...sections[section], ...own }
      }
    }
    this.components = Object.fromEntries(
      Object.entries(sections).map(([section, own]) => [section, section === 'securitySchemes' ? own : sorted(own)]),
    )
  }

  #place(documented: Documented): Placed[] {
    const [route] = documented
    const { api } = route.config
    const routed = documentPath(patternOf(route))
    const own = api ? renamedPath(routed, api.operation.path) : routed
    let entry = this.#byShape.get(own.shape)
    if (!entry) this.#byShape.set(own.shape, (entry = { ...own, imported: api !== undefined, item: {}, further: {} }))
    else if (api && !entry.imported) Object.assign(entry, own, { imported: true })
    return (api ? [api.operation.method] : [route.method].flat()).flatMap((method) => {
      const [map, field] = fieldOf(entry, method)
      if (map[field]) {
        this.#places.get(`${method} ${own.shape}`)?.others.push(route)
        this.omitted.push({ route, operation: `${method} ${entry.path}` })
        return []
      }
      // reserve the place, so that operations keep this order
      map[field] = {}
      const placed: Placed = {
        documented,
        method,
        own,
        entry,
        operationId: this.#operationId(route, method, own.path),
        others: [],
      }
      this.#places.set(`${method} ${own.shape}`, placed)
      if (api) this.#noteImport(placed, api.document)
      return [placed]
    })
  }

  #noteImport(placed: Placed, document: ApiDocument): void {
    const { upstream = '', api } = placed.documented[0].config
    let imported = this.#imports.find((known) => known.document === document && known.upstream === upstream)
    if (!imported) {
      const operations = new Map<string, Placed>()
      const components = new ImportedComponents({
        document,
        names: this.#names,
        prefix: this.#options.single || upstream === '' ? '' : `${upstream}.`,
        operationId: (wanted) => this.#operationIds.take(wanted),
        target: (reference) =>
          targetOf(operations.get('pointer' in reference ? reference.pointer : `id ${reference.operationId}`)),
      })
      this.#imports.push((imported = { upstream, document, components, placed: operations }))
    }
    const { operationId, pointer, path, method } = api!.operation
    if (operationId !== undefined) imported.placed.set(`id ${operationId}`, placed)
    imported.placed.set(pointer, placed).set(`/paths/${pointerToken(path)}/${method.toLowerCase()}`, placed)
    placed.imported = imported
  }

  #describe(
    { documented: [route, shared], method, own, entry, operationId, imported, others }: Placed,
    tags: DocumentTags,
  ): void {
    const [map, field] = fieldOf(entry, method)
    const routed = documentPath(patternOf(route))
    map[field] = describeOperation(route, {
      operationId,
      shared,
      others,
      isOfHost: this.#options.isOfHost,
      server: this.#options.server,
      method,
      path: entry.path,
      schemas: this.#schemas,
      imported: imported?.components,
      tags: tags.of(route),
      securitySchemes: this.#options.securitySchemes ?? {},
      parameters: own.parameters.map((name, i) => ({
        route: routed.parameters[i]!,
        own: name,
        documented: entry.parameters[i]!,
      })),
    })
  }

  #byPath(kind: 'item' | 'further'): Record<string, object> {
    const entries = [...this.#byShape.values()].filter((entry) => Object.keys(entry[kind]).length > 0)
    return Object.fromEntries(entries.map((entry) => [entry.path, entry[kind]]))
  }

  /** Makes an `operationId` that is unique and the same at each start. */
  #operationId({ schema, config: { upstream, api } }: DocumentedRoute, method: string, path: string): string {
    const verb = method.toLowerCase()
    const words = [upstream ?? 'gateway', verb, ...path.split(/[^A-Za-z0-9_]+/).filter(Boolean)]
    const wanted = schema?.operationId ?? api?.operation.operationId ?? words.join('-')
    if (!this.#operationIds.has(wanted)) return this.#operationIds.take(wanted)
    return this.#operationIds.take(api && upstream ? `${upstream}-${wanted}` : `${wanted}-${verb}`)
  }
}

const fieldOf = (entry: PathEntry, method: string): [map: Record<string, object>, field: string] =>
  FIELDS.has(method) ? [entry.item, method.toLowerCase()] : [entry.further, method]

function targetOf(placed: Placed | undefined): OperationTarget | undefined {
  if (placed === undefined) return undefined
  const { operationId, method, own, entry } = placed
  const renamed = own.parameters
    .map((name, i): [string, string] => [name, entry.parameters[i]!])
    .filter(([name, documented]) => name !== documented)
  return {
    operationId,
    renamed: new Map(renamed),
    ...(FIELDS.has(method) ? { pointer: `/paths/${pointerToken(entry.path)}/${method.toLowerCase()}` } : {}),
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * Sorts by upstream. Routes of one upstream keep the order of its file; others, from several files, are sorted by path.
 */
function byUpstream([a]: Documented, [b]: Documented): number {
  const upstream = a.config.upstream ?? ''
  return (
    compare(upstream, b.config.upstream ?? '') ||
    (upstream === '' ? compare(`${patternOf(a)} ${String(a.method)}`, `${patternOf(b)} ${String(b.method)}`) : 0)
  )
}

const sorted = <Value>(values: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(Object.entries(values).sort(([a], [b]) => compare(a, b)))
