import { pointerToken } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { followReference, type Located } from '../schema/local-reference.ts'
import { mediaTypes } from './media-reader.ts'
import {
  IGNORED_HEADERS,
  type ApiBody,
  type ApiHeader,
  type ApiOperation,
  type ApiParameter,
  type ApiResponse,
  type ParameterStyle,
} from '../schema/types.ts'
import { METHODS } from './document-grammar.ts'

/** Styles of a place, its default first (OpenAPI 3.1, section 4.8.12.3). */
export const STYLES: Record<ApiParameter['in'], readonly [ParameterStyle, ...ParameterStyle[]]> = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
}

/** An operation as read from the document, before its file and line are known. */
export interface ReadOperation extends Omit<ApiOperation, 'where'> {
  /** Names of path parameters that the path does not contain; `parameters` leaves them out. */
  readonly unused: readonly string[]
}

/** Whether the router can match a path: paths are matched without query and fragment. */
export const isRoutable = (path: string): boolean => path.startsWith('/') && !/[?#]/.test(path)

/** Reads the operations of an upgraded document. */
export function readOperations(root: SchemaObject): ReadOperation[] {
  const operations: ReadOperation[] = []
  for (const [path, item] of Object.entries(isObject(root.paths) ? root.paths : {})) {
    if (!isRoutable(path)) continue
    const located = followReference(root, item, `/paths/${pointerToken(path)}`)
    if (!located) continue
    for (const method of Object.keys(located.object)) {
      const object: unknown = located.object[method]
      if (METHODS.includes(method) && isObject(object)) {
        operations.push(readOperation(root, path, method, located, object))
      }
    }
  }
  return operations
}

function readOperation(
  root: SchemaObject,
  path: string,
  method: string,
  item: Located,
  object: SchemaObject,
): ReadOperation {
  const pointer = `${item.pointer}/${method}`
  const security: unknown = object.security ?? root.security
  const all = readParameters(root, [
    [item.object.parameters, `${item.pointer}/parameters`],
    [object.parameters, `${pointer}/parameters`],
  ])
  const isUnused = (parameter: ApiParameter): boolean =>
    parameter.in === 'path' && !path.includes(`{${parameter.name}}`)
  return {
    method: method.toUpperCase(),
    path,
    ...(typeof object.operationId === 'string' && { operationId: object.operationId }),
    pointer,
    object,
    parameters: all.filter((parameter) => !isUnused(parameter)),
    unused: all.filter(isUnused).map(({ name }) => name),
    body: readBody(root, object.requestBody, `${pointer}/requestBody`),
    responses: Object.entries(isObject(object.responses) ? object.responses : {})
      .filter(([status]) => !status.startsWith('x-'))
      .map(([status, response]) =>
        readResponse(root, status, response, `${pointer}/responses/${pointerToken(status)}`),
      ),
    security: Array.isArray(security) ? (security as ApiOperation['security']) : null,
    extensions: Object.fromEntries(
      [item.object, object].flatMap((part) => Object.entries(part).filter(([name]) => name.startsWith('x-'))),
    ),
  }
}

/** Merges lists of parameters: a later one replaces an earlier one with the same name and place. */
function readParameters(root: SchemaObject, lists: [unknown, string][]): ApiParameter[] {
  const found = new Map<string, ApiParameter>()
  for (const [list, pointer] of lists) {
    if (!Array.isArray(list)) continue
    list.forEach((value, place) => {
      const parameter = readParameter(root, value, `${pointer}/${place}`)
      if (!parameter) return
      // names of headers have no case
      const name = parameter.in === 'header' ? parameter.name.toLowerCase() : parameter.name
      found.set(`${parameter.in} ${name}`, parameter)
    })
  }
  return [...found.values()]
}

function readParameter(root: SchemaObject, value: unknown, at: string): ApiParameter | undefined {
  const located = followReference(root, value, at)
  if (!located) return undefined
  const { object } = located
  const { name } = object
  const place = object.in as ApiParameter['in']
  if (typeof name !== 'string' || !Object.hasOwn(STYLES, place)) return undefined
  if (place === 'header' && IGNORED_HEADERS.has(name.toLowerCase())) return undefined
  const style: ParameterStyle = object.style ?? STYLES[place][0]
  return {
    in: place,
    name,
    required: place === 'path' || object.required === true,
    style,
    explode: object.explode ?? style === 'form',
    ...(place === 'query' && object.allowEmptyValue === true && { allowEmptyValue: true }),
    ...readValue(root, located),
  }
}

/** The schema of a parameter or header, and its media type when that is stated. */
function readValue(
  root: SchemaObject,
  { object, pointer }: Located,
): Pick<ApiParameter, 'schemaPointer' | 'mediaType'> {
  const [media] = mediaTypes(root, object.content, `${pointer}/content`)
  if (media) return { schemaPointer: media.schemaPointer, mediaType: media.type }
  return { schemaPointer: object.schema === undefined ? null : `${pointer}/schema` }
}

/** The response that describes a status: the status itself, its class (`2XX`), or `default`. */
export function responseFor(responses: readonly ApiResponse[], status: string): ApiResponse | undefined {
  return [status, `${status[0]}XX`, 'default']
    .map((name) => responses.find((response) => response.status === name))
    .find((response) => response !== undefined)
}

function readBody(root: SchemaObject, value: unknown, at: string): ApiBody | null {
  const located = followReference(root, value, at)
  return located
    ? {
        required: located.object.required === true,
        content: mediaTypes(root, located.object.content, `${located.pointer}/content`),
      }
    : null
}

function readResponse(root: SchemaObject, status: string, value: unknown, at: string): ApiResponse {
  // many documents write `2xx`
  const code = /^[1-5]xx$/i.test(status) ? status.toUpperCase() : status
  const located = followReference(root, value, at)
  if (!located) return { status: code, content: [], headers: [] }
  const { object, pointer } = located
  const headers: ApiHeader[] = []
  for (const [name, header] of Object.entries(isObject(object.headers) ? object.headers : {})) {
    // the specification says to ignore it: the content describes it
    if (name.toLowerCase() === 'content-type') continue
    const found = followReference(root, header, `${pointer}/headers/${pointerToken(name)}`)
    if (!found) continue
    headers.push({
      name,
      required: found.object.required === true,
      explode: found.object.explode === true,
      ...readValue(root, found),
    })
  }
  return { status: code, content: mediaTypes(root, object.content, `${pointer}/content`), headers }
}
