import { atPointer, parentPointer, pointerToken } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import type { Mistake } from './document-check.ts'
import type { DocumentNotes } from './document-origins.ts'
import { followReference } from '../schema/local-reference.ts'
import { IGNORED_HEADERS } from '../schema/types.ts'
import { isRoutable, type ReadOperation, STYLES } from './operation-reader.ts'

/** Most operations of a document. */
const MAX_OPERATIONS = 5000

/** Checks operations together: their paths, parameters, names and security. */
export function checkOperations(
  root: SchemaObject,
  operations: readonly ReadOperation[],
  notes: DocumentNotes,
): Mistake[] {
  const mistakes: Mistake[] = []
  if (operations.length > MAX_OPERATIONS) {
    return [['/paths', `has ${operations.length} operations, allowed: ${MAX_OPERATIONS}: split the API`]]
  }
  if (operations.length === 0) notes.add('there is no operation, so nothing is routed', '')
  for (const path of Object.keys(isObject(root.paths) ? root.paths : {})) checkPath(path, notes, mistakes)
  checkShapes(operations, mistakes)
  const ids = new Map<string, string>()
  const schemes = isObject(root.components?.securitySchemes) ? root.components.securitySchemes : {}
  checkSecurity(root.security, '/security', schemes, mistakes)
  for (const operation of operations) {
    const { method, operationId, pointer, object } = operation
    // RFC 9110, section 9.3.8
    if (method === 'TRACE') notes.add('TRACE is never forwarded, and its operations are left out', pointer)
    if (operationId !== undefined) {
      if (ids.has(operationId)) {
        notes.add(`the operationId "${operationId}" is used by more than one operation`, `${pointer}/operationId`)
      }
      ids.set(operationId, pointer)
    }
    checkSecurity(object.security, `${pointer}/security`, schemes, mistakes)
    checkPathParameters(root, operation, notes, mistakes)
  }
  return mistakes
}

function checkPath(path: string, notes: DocumentNotes, mistakes: Mistake[]): void {
  const pointer = `/paths/${pointerToken(path)}`
  if (path.startsWith('x-')) return
  if (!path.startsWith('/')) mistakes.push([pointer, 'is not a path, allowed: one that starts with "/"'])
  else if (!isRoutable(path)) notes.add('paths with "?" or "#" cannot be routed and are left out', pointer)
  if (/[;\\]/.test(path)) {
    mistakes.push([
      pointer,
      'has ";" or "\\", which the gateway refuses in paths, since services read them differently: remove it',
    ])
  }
  const names = templateNames(path)
  if (path.replace(/\{[^{}/]+\}/g, '').match(/[{}]/)) {
    mistakes.push([pointer, 'has a brace that stands for itself or is not closed, allowed: {name} within one segment'])
  }
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) mistakes.push([pointer, `has {${twice}} twice, allowed: a name for each`])
}

const templateNames = (path: string): string[] => [...path.matchAll(/\{([^{}/]+)\}/g)].map(([, name]) => name!)

/** Paths that differ only in parameter names are identical (OpenAPI 3.1, section 4.8.8). */
function checkShapes(operations: readonly ReadOperation[], mistakes: Mistake[]): void {
  const shapes = new Map<string, string>()
  for (const { method, path, pointer } of operations) {
    const shape = `${method} ${path.replace(/\{[^{}/]+\}/g, '{}')}`
    const other = shapes.get(shape)
    if (other !== undefined && other !== path) {
      mistakes.push([
        pointer,
        `has the same method and path as ${method} ${other}: parameter names do not distinguish paths`,
      ])
    } else shapes.set(shape, path)
  }
}

/** Checks that security requirements name known schemes: an unknown one cannot be mapped to a scheme of the gateway. */
function checkSecurity(security: unknown, pointer: string, schemes: SchemaObject, mistakes: Mistake[]): void {
  if (!Array.isArray(security)) return
  security.forEach((requirement, place) => {
    for (const name of Object.keys(isObject(requirement) ? requirement : {})) {
      if (Object.hasOwn(schemes, name)) continue
      const known = Object.keys(schemes)
      mistakes.push([
        `${pointer}/${place}/${pointerToken(name)}`,
        `names no security scheme of the document, allowed: ${known.length > 0 ? known.join(', ') : 'none, since it has none'}`,
      ])
    }
  })
}

function checkPathParameters(
  root: SchemaObject,
  { path, pointer, unused, parameters }: ReadOperation,
  notes: DocumentNotes,
  mistakes: Mistake[],
): void {
  for (const { name, style, schemaPointer } of parameters.filter(
    (parameter) => parameter.in === 'path' && parameter.style === 'matrix',
  )) {
    const segment = path.split('/').find((one) => one.includes(`{${name}}`))!
    if (segment.indexOf('{') !== segment.length - name.length - 2) {
      mistakes.push([
        pointer,
        `has {${name}} of the style ${style} in the segment "${segment}", allowed: {${name}} alone, or after fixed text`,
      ])
    } else if (schemaPointer === null) {
      mistakes.push([pointer, `has {${name}} of the style ${style} without a "schema", which the style needs: add one`])
    }
  }
  const item = parentPointer(pointer)
  for (const list of [`${item}/parameters`, `${pointer}/parameters`]) checkParameters(root, list, notes, mistakes)
  const stated = new Set(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name))
  const missing = templateNames(path).filter((name) => !stated.has(name))
  // both at once: the name was mistyped, and the parameter would not be checked
  if (missing.length > 0 && unused.length > 0) {
    mistakes.push([
      pointer,
      `has the path parameter "${unused[0]}", which is not in its path, and none for {${missing[0]}}: use one name for both`,
    ])
  } else if (missing.length > 0) {
    notes.add('a name in a path has no parameter, so that any text is allowed there', pointer)
  } else if (unused.length > 0) notes.add('a path parameter is not in its path and is ignored', pointer)
}

function checkParameters(root: SchemaObject, list: string, notes: DocumentNotes, mistakes: Mistake[]): void {
  const parameters: unknown = atPointer(root, list)
  if (!Array.isArray(parameters)) return
  const seen = new Set<string>()
  parameters.forEach((value, place) => {
    const at = `${list}/${place}`
    const found = followReference(root, value, at)
    if (!found) return
    const { in: where, name, style, schema, content, explode } = found.object
    const key = `${where} ${String(name).toLowerCase()}`
    if (seen.has(`${where} ${name}`)) mistakes.push([at, `is a second ${where} parameter "${name}", allowed: one`])
    seen.add(`${where} ${name}`)
    if (where === 'header' && IGNORED_HEADERS.has(key.slice(7))) {
      notes.add('header parameters Accept, Content-Type and Authorization are ignored, as the specification says', at)
    }
    const styles: readonly string[] = STYLES[where as keyof typeof STYLES] ?? []
    if (style !== undefined && !styles.includes(style)) {
      mistakes.push([`${at}/style`, `is "${style}" in a ${where} parameter, allowed: ${styles.join(', ')}`])
    }
    if (content !== undefined && schema !== undefined) {
      mistakes.push([at, 'has both "schema" and "content", allowed: one of them'])
    } else if (isObject(content) && Object.keys(content).length !== 1) {
      mistakes.push([`${at}/content`, `has ${Object.keys(content).length} media types, allowed: one`])
    } else if (schema === undefined && content === undefined) {
      notes.add('a parameter has neither "schema" nor "content", so that any value is allowed', at)
    }
    if (style === 'deepObject' && explode === false) notes.add('"deepObject" is always exploded', at)
  })
}
