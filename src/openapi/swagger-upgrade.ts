import { atPointer, pointerToken, referencePointer } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { METHODS, SWAGGER } from './document-grammar.ts'
import type { DocumentNotes } from './document-origins.ts'
import { walkDocument, wholeDocument } from './document-walk.ts'
import { followReference } from '../schema/local-reference.ts'

const FORM = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data'

/** Sections of an upgraded document, and where Swagger 2.0 has them. */
export const SWAGGER_HOMES: ReadonlyMap<string, string> = new Map([
  ['/components/schemas', '/definitions'],
  ['/components/parameters', '/parameters'],
  ['/components/requestBodies', '/parameters'],
  ['/components/responses', '/responses'],
  ['/components/securitySchemes', '/securityDefinitions'],
])

/**
 * Upgrades a checked document of Swagger 2.0 to OpenAPI 3.0. The library loses some information, so each operation is
 * first given its own copy of what it inherits: from references, its path, and defaults.
 * @returns the new document; the old one must not be used any more
 */
export async function upgradeSwagger(root: SchemaObject, notes: DocumentNotes): Promise<SchemaObject> {
  const { upgradeFromTwoToThree } = await import('@scalar/openapi-upgrader/2.0-to-3.0')
  dropBesideReferences(root, notes)
  const needed = prepareOperations(root, notes)
  for (const pointer of Object.keys(isObject(root.parameters) ? root.parameters : {})) {
    prepareParameter(root.parameters[pointer], `/parameters/${pointerToken(pointer)}`, notes)
  }
  prepareHeaders(root, notes)
  const aside = takeExtensions(root)
  const upgraded = upgradeFromTwoToThree(root) as SchemaObject
  putBack(upgraded, aside)
  for (const pointer of needed) {
    const body = atPointer(upgraded, `${pointer}/requestBody`)
    if (isObject(body)) body.required = true
  }
  for (const scheme of Object.values(upgraded.components?.securitySchemes ?? {}) as SchemaObject[]) {
    for (const flow of Object.values(isObject(scheme.flows) ? scheme.flows : {}) as SchemaObject[]) flow.scopes ??= {}
  }
  return upgraded
}

/** Removes what stands beside a `$ref` (Swagger 2.0 ignores it), except documentation and extensions (`x-nullable`). */
function dropBesideReferences(root: SchemaObject, notes: DocumentNotes): void {
  walkDocument(SWAGGER, wholeDocument(root), {
    part: ({ kind, value, pointer }) => {
      if (kind !== 'Schema') return
      // OpenAPI 3 cannot state how a nested list is split
      if (typeof value.collectionFormat === 'string') delete value.collectionFormat
      if (typeof value.$ref !== 'string') return
      for (const keyword of Object.keys(value)) {
        if (['$ref', 'description', 'title'].includes(keyword) || keyword.startsWith('x-')) continue
        notes.add('what stands beside a "$ref" is ignored, as Swagger 2.0 says', pointer)
        delete value[keyword]
      }
    },
  })
}

/** Copies inherited bodies and parameters into operations. @returns pointers of operations that require a form */
function prepareOperations(root: SchemaObject, notes: DocumentNotes): string[] {
  const needed: string[] = []
  for (const list of [
    root,
    ...Object.values(root.paths ?? {}).flatMap((item) => (isObject(item) ? METHODS.map((method) => item[method]) : [])),
  ]) {
    // an empty list means the same as none
    for (const field of ['consumes', 'produces']) {
      if (Array.isArray(list?.[field]) && list[field].length === 0) delete list[field]
    }
  }
  for (const [path, item] of Object.entries<SchemaObject>(root.paths ?? {})) {
    if (path.startsWith('x-') || !isObject(item)) continue
    const at = `/paths/${pointerToken(path)}`
    const inherited = resolved(root, item.parameters)
    if (item.parameters !== undefined) item.parameters = inherited.filter((parameter) => !isBody(parameter))
    for (const method of METHODS) {
      const operation: unknown = item[method]
      if (!isObject(operation)) continue
      if (operation.schemes !== undefined) {
        notes.add('"schemes" of an operation are ignored: the targets of the upstream file count', `${at}/${method}`)
      }
      delete operation.schemes
      const own = resolved(root, operation.parameters)
      const has = (name: unknown, place: unknown): boolean =>
        own.some((parameter) => parameter.in === place && parameter.name === name)
      // an operation has one body, whatever its name, but a form has many fields
      const body = inherited.filter(
        (parameter) =>
          isBody(parameter) &&
          !(parameter.in === 'body'
            ? own.some(isBody)
            : has(parameter.name, 'formData') || own.some((other) => other.in === 'body')),
      )
      const all = [...own, ...structuredClone(body)]
      if (all.length > 0) operation.parameters = all
      all.forEach((parameter, place) => prepareParameter(parameter, `${at}/${method}/parameters/${place}`, notes))
      if (prepareForm(root, operation, all)) needed.push(`${at}/${method}`)
    }
  }
  return needed
}

const isBody = (parameter: SchemaObject): boolean => parameter.in === 'body' || parameter.in === 'formData'

/** The parameters of a list. References to body parameters are replaced by copies, since 3.0 has no such parameters. */
function resolved(root: SchemaObject, list: unknown): SchemaObject[] {
  return (Array.isArray(list) ? (list as SchemaObject[]) : []).map((parameter) => {
    if (parameter.$ref === undefined) return parameter
    const found = followReference(root, parameter, '')
    const isNamed = /^\/parameters\/[^/]+$/.test(referencePointer(parameter.$ref) ?? '')
    return found && (isBody(found.object) || !isNamed) ? structuredClone(found.object) : parameter
  })
}

/** States the media types of a form when the document does not. @returns whether a field is required */
function prepareForm(root: SchemaObject, operation: SchemaObject, parameters: SchemaObject[]): boolean {
  const fields = parameters.filter((parameter) => parameter.in === 'formData')
  if (fields.length === 0) return false
  const types = ((operation.consumes ?? root.consumes ?? []) as string[]).filter(
    (type) => type === FORM || type === MULTIPART,
  )
  if (types.length === 0) {
    operation.consumes = fields.some(({ type }) => type === 'file') ? [MULTIPART] : [FORM, MULTIPART]
  }
  return fields.some(({ required }) => required === true)
}

/** Prepares lists: states the default `collectionFormat`; a format that 3.0 lacks turns the list into plain text. */
function prepareParameter(
  parameter: unknown,
  pointer: string,
  notes: DocumentNotes,
  place = isObject(parameter) ? parameter.in : '',
): void {
  if (!isObject(parameter)) return
  if (parameter.in === 'formData' && parameter.allowEmptyValue === true) {
    notes.add('"allowEmptyValue" of a form is ignored: an empty text must match the schema of the field', pointer)
  }
  if (parameter.type !== 'array') return
  const format = (parameter.collectionFormat ??= 'csv')
  const isLong = place === 'query' || place === 'formData'
  const known = isLong ? format !== 'tsv' : format === 'csv'
  if (known) return
  notes.add(
    `a list with "collectionFormat: ${format}" in ${isLong ? 'a query or form' : `a ${place}`} is checked as text, not by its items`,
    pointer,
  )
  for (const keyword of Object.keys(parameter)) {
    if (!['name', 'in', 'description', 'required'].includes(keyword) && !keyword.startsWith('x-')) {
      delete parameter[keyword]
    }
  }
  parameter.type = 'string'
}

/** Prepares lists in response headers: 3.0 knows only `csv`; other formats become plain text. */
function prepareHeaders(root: SchemaObject, notes: DocumentNotes): void {
  walkDocument(SWAGGER, wholeDocument(root), {
    part: ({ kind, value, pointer }) => {
      if (kind !== 'Header') return
      prepareParameter(value, pointer, notes, 'header')
      delete value.collectionFormat
    },
  })
}

/** Takes extensions of paths out, since the library would treat them as operations. `putBack` restores them. */
function takeExtensions(root: SchemaObject): [pointer: string, name: string, value: unknown][] {
  const aside: [string, string, unknown][] = []
  const take = (holder: unknown, pointer: string): void => {
    for (const name of Object.keys(isObject(holder) ? holder : {})) {
      if (!name.startsWith('x-')) continue
      aside.push([pointer, name, (holder as SchemaObject)[name]])
      delete (holder as SchemaObject)[name]
    }
  }
  take(root.paths, '/paths')
  for (const [path, item] of Object.entries<SchemaObject>(root.paths ?? {})) {
    const at = `/paths/${pointerToken(path)}`
    take(item, at)
    for (const method of METHODS) take(item[method]?.responses, `${at}/${method}/responses`)
  }
  return aside
}

function putBack(root: SchemaObject, aside: [pointer: string, name: string, value: unknown][]): void {
  for (const [pointer, name, value] of aside) {
    const holder = atPointer(root, pointer)
    if (isObject(holder)) holder[name] = value
  }
}
