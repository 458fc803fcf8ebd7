import { atPointer, pointerNames, pointerToken, tokenName } from '../../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../../schema/json-schema.ts'
import { followReference } from '../../schema/local-reference.ts'
import type { Drift, OperationDrift, Seen } from './drift-record.ts'
import type { ApiDocument, ApiMedia, ApiOperation } from '../../schema/types.ts'

/** One action of an OpenAPI Overlay (specification 1.0): `update` is merged into the target of a JSONPath. */
interface OverlayAction {
  target: string
  description: string
  update: unknown
}

/** An OpenAPI Overlay document. */
export interface Overlay {
  overlay: '1.0.0'
  info: { title: string; version: string }
  actions: OverlayAction[]
}

/**
 * Makes an overlay that adds to a document what traffic has and the document lacks. It is a draft for the owner of the
 * document: traffic shows that a field exists, not that it should.
 * @param document  the document in the form of the gateway, OpenAPI 3.1
 */
export function driftOverlay(document: ApiDocument, drift: Drift): Overlay {
  const operations = new Map(
    document.operations.map((operation) => [`${operation.method} ${operation.path}`, operation]),
  )
  return {
    overlay: '1.0.0',
    info: { title: `What traffic has and ${drift.document} lacks, since ${drift.since}`, version: '1.0.0' },
    actions: [
      ...drift.operations.flatMap((seen) => {
        const operation = operations.get(`${seen.method} ${seen.path}`)
        return operation === undefined ? [] : operationActions(document, operation, seen)
      }),
      ...Object.entries(drift.undescribed).map(undescribedAction),
    ],
  }
}

function operationActions(
  document: ApiDocument,
  operation: ApiOperation,
  { statuses, query, requestFields, responseFields }: OperationDrift,
): OverlayAction[] {
  const name = `${operation.method} ${operation.path}`
  const at = jsonPath(operation.pointer)
  const actions: OverlayAction[] = []
  const act = (target: string, description: string, update: unknown): void => {
    actions.push({ target, description, update })
  }
  for (const [status, { count }] of Object.entries(statuses)) {
    act(`${at}.responses`, `${name} has answered ${status} ${times(count)}.`, {
      [status]: { description: 'Seen in traffic.' },
    })
  }
  for (const [parameter, { count, example }] of Object.entries(query)) {
    act(at, `${name} was asked with ${JSON.stringify(parameter)} in the query ${times(count)}${like(example)}.`, {
      parameters: [{ name: parameter, in: 'query', schema: schemaOf(example) }],
    })
  }
  const fields = (seen: Record<string, Seen>, content: readonly ApiMedia[], what: string): void => {
    const media = content.find(({ type, schemaPointer }) => schemaPointer !== null && /json/.test(type))
    if (media === undefined) return
    for (const [path, { count, example }] of Object.entries(seen)) {
      const place = schemaPlace(document.root, media.schemaPointer!, path)
      if (place !== null) {
        act(
          `${jsonPath(place.pointer)}.properties`,
          `${what} of ${name} had the field ${path} ${times(count)}${like(example)}.`,
          { [place.name]: schemaOf(example) },
        )
      }
    }
  }
  fields(requestFields, operation.body?.content ?? [], 'Requests')
  for (const { content } of operation.responses) fields(responseFields, content, 'Answers')
  return [...new Map(actions.map((action) => [`${action.target} ${JSON.stringify(action.update)}`, action])).values()]
}

/** Finds the schema to which an undeclared field belongs, and the name of the field; null when it cannot be found. */
function schemaPlace(root: SchemaObject, start: string, path: string): { pointer: string; name: string } | null {
  const names = path.split('/').slice(1)
  let place = followReference(root, atPointer(root, start), start)
  for (const name of names.slice(0, -1)) {
    if (place === undefined) return null
    const { object, pointer } = place
    const step: string =
      name !== '*' ? `/properties/${pointerToken(plain(name))}` : object.items ? '/items' : '/additionalProperties'
    place = followReference(root, atPointer(object, step), pointer + step)
  }
  return isObject(place?.object.properties) ? { pointer: place.pointer, name: plain(names.at(-1)!) } : null
}

const plain = (token: string): string => tokenName(token.replaceAll('~2', '*'))

function undescribedAction([call, { count }]: [string, Seen]): OverlayAction {
  const [method, path] = call.split(' ', 2) as [string, string]
  let ids = 0
  const parameters: string[] = []
  const template = path.replaceAll('{}', () => {
    parameters.push(`id${++ids}`)
    return `{id${ids}}`
  })
  const operation = {
    ...(parameters.length > 0
      ? { parameters: parameters.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })) }
      : {}),
    responses: { default: { description: 'Seen in traffic.' } },
  }
  return {
    target: '$.paths',
    description: `${call} was called ${times(count)}.`,
    update: { [template]: { [method.toLowerCase()]: operation } },
  }
}

/** A JSONPath (RFC 9535) from a JSON pointer. */
const jsonPath = (pointer: string): string =>
  `$${pointerNames(pointer)
    .map((name) =>
      /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `['${name.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}']`,
    )
    .join('')}`

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)
const like = (example: string | undefined): string => (example === undefined ? '' : ` (${example})`)

/** The type of a redacted example. */
function schemaOf(example = ''): object {
  const [word = ''] = example.split(' ')
  const type = (
    {
      text: 'string',
      list: 'array',
      object: 'object',
      integer: 'integer',
      number: 'number',
      boolean: 'boolean',
      null: 'null',
    } as Record<string, string>
  )[word]
  return type === undefined ? {} : { type }
}
