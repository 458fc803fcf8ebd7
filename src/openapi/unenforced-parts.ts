import { fullFormats } from 'ajv-formats/dist/formats.js'
import { pointerToken } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import type { DocumentNotes } from './document-origins.ts'
import type { Part } from './document-walk.ts'
import { followReference } from '../schema/local-reference.ts'
import { isForm, isJson, plainMediaType } from '../validation/media-type.ts'

const NUMBER_FORMATS = new Set(['int32', 'int64', 'float', 'double'])
/** Formats that fit any type. */
const LOOSE_FORMATS = new Set(['password', 'binary'])
const XML_TYPE = /[/+]xml$/
/** Pointers of media types of a parameter or header; their text is always checked. */
const OF_A_VALUE = /\/(?:parameters|headers)\/[^/]+\/content\/[^/]+$/
const OF_A_REQUEST = /\/(?:requestBody|requestBodies\/[^/]+)\/content\/[^/]+$/
/** Methods whose content means nothing (RFC 9110, sections 9.3.1, 9.3.2 and 9.3.8). */
const WITHOUT_BODY = new Set(['get', 'head', 'trace'])

/** Adds notes about what a part states and the gateway does not enforce. */
export function noteUnenforced(root: SchemaObject, part: Part, notes: DocumentNotes): void {
  switch (part.kind) {
    case 'Document':
      return noteServers(part, notes)
    case 'Operation':
      return noteOperation(part, notes)
    case 'Parameter':
      return noteParameter(root, part, notes)
    case 'Header':
      return noteHeader(part, notes)
    case 'Media':
      return noteMedia(root, part, notes)
    case 'Response':
      return noteResponse(part, notes)
    case 'Schema':
      return noteSchema(part, notes)
  }
}

function noteServers({ value: { servers } }: Part, notes: DocumentNotes): void {
  for (const [place, server] of (Array.isArray(servers) ? servers : []).entries()) {
    const path =
      isObject(server) && typeof server.url === 'string'
        ? server.url.replace(/^(?:[a-z][a-z\d+.-]*:)?\/\/[^/]*/i, '')
        : ''
    if (!/^\/?$/.test(path)) {
      notes.add(
        'the path of "servers" is documented only: "targets" or "prefix" of the upstream file state it',
        `/servers/${place}/url`,
      )
    }
  }
}

function noteOperation({ key, value, pointer }: Part, notes: DocumentNotes): void {
  // operations of callbacks and webhooks are documented only
  if (!/^\/(?:paths|components\/pathItems)\/[^/]+\/\w+$/.test(pointer)) return
  const method = String(key)
  if (method === 'trace') {
    notes.add(
      'TRACE is never forwarded, since the answer would show a client the headers that proxies have added',
      pointer,
    )
  }
  if (value.requestBody !== undefined && WITHOUT_BODY.has(method)) {
    notes.add(
      `the body of a ${method.toUpperCase()} request has no meaning (RFC 9110): none is required, and none is validated`,
      `${pointer}/requestBody`,
    )
  }
  if (!isObject(value.responses) || Object.keys(value.responses).every((status) => status.startsWith('x-'))) {
    notes.add('an operation has no responses, so any is allowed', pointer)
  }
}

function noteParameter(root: SchemaObject, { value, pointer }: Part, notes: DocumentNotes): void {
  const { in: place, style, explode, allowEmptyValue } = value
  if (allowEmptyValue === true && place !== 'query') {
    notes.add('"allowEmptyValue" is for parameters of a query, and ignored elsewhere', pointer)
  }
  const types = typesOf(root, value.schema)
  if (types === null) return
  if (style === 'deepObject' && !types.has('object')) {
    notes.add('"deepObject" is for objects and has no effect on other values', pointer)
  }
  if (style === 'spaceDelimited' || style === 'pipeDelimited') {
    if (!types.has('array') && !types.has('object')) {
      notes.add(`"${style}" is for lists and objects and has no effect on other values`, pointer)
    }
    if (explode === true) notes.add(`"explode" has no effect in the style "${style}": a list is one text`, pointer)
  }
}

function noteHeader({ value, pointer }: Part, notes: DocumentNotes): void {
  if (/\/encoding\/[^/]+\/headers\/[^/]+$/.test(pointer)) {
    notes.add('headers of the parts of a form are documented only', pointer)
  } else if (value.style !== undefined && value.style !== 'simple') {
    notes.add('the style of a header is always "simple"', `${pointer}/style`)
  }
}

function noteResponse({ value, pointer }: Part, notes: DocumentNotes): void {
  for (const name of Object.keys(isObject(value.headers) ? value.headers : {})) {
    if (name.toLowerCase() === 'content-type') {
      notes.add(
        'a response header Content-Type is ignored, as the specification says: "content" describes it',
        `${pointer}/headers/${name}`,
      )
    }
  }
}

function noteMedia(root: SchemaObject, { key, value, pointer, holder }: Part, notes: DocumentNotes): void {
  const type = plainMediaType(String(key))
  if (!type.includes('/') && type !== '*') notes.add('a media type without a "/" matches no body', pointer)
  if (Object.keys(holder ?? {}).find((name) => plainMediaType(name) === type) !== key) {
    notes.add(
      'of media types that differ only in parameters, the one without parameters is used, else the first',
      pointer,
    )
  }
  if (OF_A_VALUE.test(pointer)) return
  const isRequest = OF_A_REQUEST.test(pointer)
  if (isObject(value.encoding)) noteEncoding(root, type, isRequest, value, pointer, notes)
  if (value.schema === undefined || isJson(type)) return
  if (!isRequest) {
    if (XML_TYPE.test(type) || !type.startsWith('text/') || type === 'text/event-stream') {
      notes.add('only JSON and text responses are validated', pointer)
    }
  } else if (XML_TYPE.test(type)) notes.add('bodies in XML are forwarded unread', pointer)
  else if (/^multipart\/(?!form-data$)/.test(type)) {
    notes.add('of multipart bodies, only "multipart/form-data" is validated', pointer)
  } else if (!hasFields(type) && !type.startsWith('text/') && saysMoreThanLength(root, value.schema)) {
    notes.add('of bodies that are neither JSON, form nor text, only the length is validated', pointer)
  }
}

const hasFields = (type: string): boolean => isForm(type) || type === 'multipart/form-data'

function noteEncoding(
  root: SchemaObject,
  type: string,
  isRequest: boolean,
  { encoding, schema }: SchemaObject,
  pointer: string,
  notes: DocumentNotes,
): void {
  if (!isRequest || !hasFields(type)) {
    return notes.add('"encoding" is for forms in requests, and ignored elsewhere', `${pointer}/encoding`)
  }
  const names = propertyNames(root, schema)
  for (const [name, value] of Object.entries<unknown>(encoding)) {
    const at = `${pointer}/encoding/${pointerToken(name)}`
    if (names.size > 0 && !names.has(name)) notes.add('"encoding" names a field that the schema does not have', at)
    const { style, explode } = isObject(value) ? value : {}
    if (type === 'multipart/form-data' && ((style !== undefined && style !== 'form') || explode === false)) {
      notes.add(
        '"style" and "explode" have no effect in "multipart/form-data": each part is one value of the field',
        at,
      )
    }
  }
}

function noteSchema({ value, pointer }: Part, notes: DocumentNotes): void {
  // the upgrade has turned `nullable` of OpenAPI 3.0 into a type
  if (value.nullable !== undefined) {
    notes.add('"nullable" has no effect since OpenAPI 3.1: write "type" as a list with "null"', pointer)
  }
  const bytes = value.contentMediaType === 'application/octet-stream' || value.format === 'byte'
  if (!bytes && ['contentEncoding', 'contentMediaType', 'contentSchema'].some((keyword) => keyword in value)) {
    notes.add(
      'content that is encoded within a text ("contentEncoding", "contentMediaType", "contentSchema") is documented only',
      pointer,
    )
  }
  const { format, type } = value
  const types = [type ?? []].flat() as string[]
  if (typeof format === 'string' && !Object.hasOwn(fullFormats, format)) {
    notes.add(`the format "${format}" is documented only`, pointer)
  } else if (typeof format === 'string' && types.length > 0 && !LOOSE_FORMATS.has(format)) {
    const fitting = NUMBER_FORMATS.has(format) ? ['integer', 'number'] : ['string']
    if (!types.some((name) => fitting.includes(name))) {
      notes.add(`the format "${format}" has no effect on this type`, pointer)
    }
  }
  noteDiscriminator(value, pointer, notes)
}

function noteDiscriminator({ discriminator, oneOf, anyOf }: SchemaObject, pointer: string, notes: DocumentNotes): void {
  if (!isObject(discriminator)) return
  const union: unknown[] = [oneOf ?? anyOf ?? []].flat()
  if (union.length === 0) {
    return notes.add(
      'a "discriminator" without "oneOf" or "anyOf" is documented only: the schema around it is used',
      pointer,
    )
  }
  const branches = new Set(union.map((branch) => (isObject(branch) ? branch.$ref : undefined)))
  if (branches.has(undefined)) {
    notes.add(
      'a "discriminator" selects among references only: with an inline schema in the union, all branches are tried',
      pointer,
    )
  }
  for (const [name, target] of Object.entries(isObject(discriminator.mapping) ? discriminator.mapping : {})) {
    if (!branches.has(target) && !branches.has(`#/components/schemas/${target}`)) {
      notes.add(
        'a "discriminator" maps a value to a schema outside its union, so this value is refused',
        `${pointer}/discriminator/mapping/${pointerToken(name)}`,
      )
    }
  }
}

/** The types that a schema states itself; null when it states none. */
function typesOf(root: SchemaObject, schema: unknown): ReadonlySet<string> | null {
  const type: unknown = followReference(root, schema, '')?.object.type
  return type === undefined ? null : new Set([type].flat() as string[])
}

function propertyNames(root: SchemaObject, schema: unknown, depth = 0): Set<string> {
  const names = new Set<string>()
  const found = followReference(root, schema, '')?.object
  if (found === undefined || depth > 8) return names
  for (const name of Object.keys(isObject(found.properties) ? found.properties : {})) names.add(name)
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    for (const part of Array.isArray(found[keyword]) ? found[keyword] : []) {
      for (const name of propertyNames(root, part, depth + 1)) names.add(name)
    }
  }
  return names
}

const PLAIN = new Set([
  'type',
  'format',
  'minLength',
  'maxLength',
  'title',
  'description',
  'contentMediaType',
  'contentEncoding',
  'example',
  'examples',
  'default',
  'deprecated',
])

/** Whether a schema for bytes checks more than their length. */
function saysMoreThanLength(root: SchemaObject, schema: unknown): boolean {
  const found = followReference(root, schema, '')?.object
  if (found === undefined) return schema === false
  return (
    (found.type !== undefined && found.type !== 'string') ||
    Object.keys(found).some((keyword) => !PLAIN.has(keyword) && !keyword.startsWith('x-'))
  )
}
