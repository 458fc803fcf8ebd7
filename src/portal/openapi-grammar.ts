import { tokenName } from '../schema/json-pointer.ts'
import { HOLDS, type Holds } from '../schema/json-schema.ts'

/** The objects of OpenAPI 3.1 that may contain references, directly or within. */
export type Kind =
  | 'root'
  | 'paths'
  | 'components'
  | 'pathItem'
  | 'operation'
  | 'parameter'
  | 'header'
  | 'requestBody'
  | 'responses'
  | 'response'
  | 'mediaType'
  | 'encoding'
  | 'example'
  | 'link'
  | 'callback'
  | 'schema'

type Field = readonly [holds: Holds, kind: Kind]

/** The section for components of a kind. Only these kinds may be replaced by a reference. */
export const SECTIONS: Partial<Record<Kind, string>> = {
  schema: 'schemas',
  response: 'responses',
  parameter: 'parameters',
  example: 'examples',
  requestBody: 'requestBodies',
  header: 'headers',
  link: 'links',
  callback: 'callbacks',
  pathItem: 'pathItems',
}

const content: Field = ['map', 'mediaType']
const headers: Field = ['map', 'header']
const valued = { schema: ['one', 'schema'], examples: ['map', 'example'], content } as const
const operation: Field = ['one', 'operation']

const FIELDS: Partial<Record<Kind, Readonly<Record<string, Field>>>> = {
  root: { paths: ['one', 'paths'], webhooks: ['map', 'pathItem'], components: ['one', 'components'] },
  components: Object.fromEntries(Object.entries(SECTIONS).map(([kind, section]) => [section, ['map', kind as Kind]])),
  pathItem: {
    get: operation,
    put: operation,
    post: operation,
    delete: operation,
    options: operation,
    head: operation,
    patch: operation,
    trace: operation,
    parameters: ['list', 'parameter'],
  },
  operation: {
    parameters: ['list', 'parameter'],
    requestBody: ['one', 'requestBody'],
    responses: ['one', 'responses'],
    callbacks: ['map', 'callback'],
  },
  parameter: valued,
  header: valued,
  requestBody: { content },
  response: { headers, content, links: ['map', 'link'] },
  mediaType: { schema: ['one', 'schema'], examples: ['map', 'example'], encoding: ['map', 'encoding'] },
  encoding: { headers },
}

/** Kinds whose fields, except extensions, all hold the same kind. */
const UNIFORM: Partial<Record<Kind, Kind>> = { paths: 'pathItem', responses: 'response', callback: 'pathItem' }

/** What a field holds; undefined for plain data, such as examples, defaults and extensions. */
export function fieldOf(kind: Kind, name: string): Field | undefined {
  if (kind === 'schema') {
    const holds = HOLDS.get(name)
    return holds && [holds, 'schema']
  }
  const uniform = UNIFORM[kind]
  if (uniform !== undefined) return name.startsWith('x-') || name === '$ref' ? undefined : ['one', uniform]
  const fields = FIELDS[kind]
  return fields && Object.hasOwn(fields, name) ? fields[name] : undefined
}

/**
 * Finds the outermost object of a kind on the way to a part of a document, so that all references into it share one
 * copy.
 * @param pointer  JSON pointer of the part
 * @returns the length of its pointer; the whole length when the way leads through plain data
 */
export function homeLength(pointer: string, wanted: Kind): number {
  let kind: Kind = 'root'
  let members: Kind | undefined
  let home: number | undefined
  for (let start = 0, end; start < pointer.length; start = end) {
    end = pointer.indexOf('/', start + 1)
    if (end === -1) end = pointer.length
    if (members !== undefined) {
      kind = members
      members = undefined
    } else {
      const field = fieldOf(kind, tokenName(pointer.slice(start + 1, end)))
      if (field === undefined) return pointer.length
      if (field[0] !== 'one') {
        members = field[1]
        continue
      }
      kind = field[1]
    }
    if (kind === wanted) home ??= end
  }
  return kind === wanted && members === undefined && home !== undefined ? home : pointer.length
}
