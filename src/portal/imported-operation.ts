import { atPointer, parentPointer } from '../schema/json-pointer.ts'
import { IGNORED_HEADERS, type ApiDocument, type ApiOperation } from '../schema/types.ts'
import { holdsReference, type ImportedComponents } from './imported-components.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'

/** The parts of an imported operation, copied for the generated document. */
export interface ImportedParts {
  summary?: string
  description?: string
  externalDocs?: unknown
  parameters?: {
    /** The Parameter Object of a path parameter, under its name in the generated document. */
    path(name: string, documented: string): unknown
    /** Parameters by place: `query`, `header`, `cookie`. */
    others: ReadonlyMap<string, unknown[]>
  }
  requestBody?: unknown
  /** Responses by status; for the given statuses the error of the gateway is added. */
  responses?: (errors: readonly number[]) => Record<string, unknown>
  callbacks?: unknown
  deprecated?: boolean
  /** Extensions (`x-...`), without those for the gateway. */
  extensions?: Record<string, unknown>
}

const text = (...values: unknown[]): string | undefined => values.find((value) => typeof value === 'string')

/** Copies an operation without security, servers and tags, which the gateway sets. */
export function importedOperation(
  { object, pointer, path, extensions }: ApiOperation,
  components: ImportedComponents,
  { root }: ApiDocument,
): ImportedParts {
  // a path item may be a reference with more fields beside it
  const items = new Set([root.paths?.[path], atPointer(root, parentPointer(pointer))].filter(isObject))
  const { requestBody, callbacks } = components.copy(
    { requestBody: object.requestBody, callbacks: object.callbacks },
    'operation',
  ) as SchemaObject
  return {
    summary: text(object.summary, ...[...items].map((item) => item.summary)),
    description: text(object.description, ...[...items].map((item) => item.description)),
    externalDocs: object.externalDocs,
    parameters: parametersOf([...items, object], components),
    requestBody,
    responses: (errors) =>
      Object.fromEntries(
        Object.entries<unknown>(object.responses ?? {})
          .filter(([status, response]) => !status.startsWith('x-') || !holdsReference(response))
          .map(([status, response]) => [
            /^[1-5]xx$/.test(status) ? status.toUpperCase() : status,
            status.startsWith('x-')
              ? response
              : errors.includes(Number(status))
                ? components.withProblem(response, Number(status))
                : components.copy(response, 'response'),
          ]),
      ),
    callbacks,
    deprecated: object.deprecated === true,
    extensions: Object.fromEntries(
      Object.entries(extensions).filter(
        ([name, value]) => name !== 'x-internal' && !name.startsWith('x-gatehouse-') && !holdsReference(value),
      ),
    ),
  }
}

/** @param holders  objects with parameters; later ones override earlier ones */
function parametersOf(holders: readonly SchemaObject[], components: ImportedComponents): ImportedParts['parameters'] {
  const found = new Map<string, { value: unknown; resolved: SchemaObject }>()
  for (const { parameters } of holders) {
    for (const value of Array.isArray(parameters) ? parameters : []) {
      const resolved = components.resolve(value)
      if (
        !isObject(resolved) ||
        (resolved.in === 'header' && IGNORED_HEADERS.has(String(resolved.name).toLowerCase()))
      ) {
        continue
      }
      found.set(`${resolved.in} ${resolved.in === 'header' ? String(resolved.name).toLowerCase() : resolved.name}`, {
        value,
        resolved,
      })
    }
  }
  const others = new Map<string, unknown[]>()
  for (const { value, resolved } of found.values()) {
    if (resolved.in === 'path') continue
    const list = others.get(resolved.in)
    if (list) list.push(components.copy(value, 'parameter'))
    else others.set(resolved.in, [components.copy(value, 'parameter')])
  }
  return {
    path(name, documented) {
      const parameter = found.get(`path ${name}`)
      if (parameter === undefined) return undefined
      if (name === documented) return components.copy(parameter.value, 'parameter')
      return { ...(components.copy(parameter.resolved, 'parameter') as SchemaObject), name: documented }
    },
    others,
  }
}
