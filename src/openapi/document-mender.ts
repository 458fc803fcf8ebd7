import {
  atPointer,
  parentPointer,
  pointerNames,
  pointerToken,
  referencePointer,
  tokenName,
} from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import type { FaultMode, OmittedOperation } from '../schema/types.ts'
import type { Mistake } from './document-check.ts'
import { type Grammar, METHODS } from './document-grammar.ts'
import { shapeAt, walkDocument, wholeDocument } from './document-walk.ts'
import { IN_PLACE, OperationReach } from './operation-weight.ts'

/** A part that was left out or loosened. */
export interface Mended {
  /** JSON pointer of the mistake. */
  pointer: string
  /** What was done, for a message. */
  message: string
}

/** Pointers to security and to extensions for the gateway. Mistakes there are never loosened. */
const PROTECTED = /\/(?:security|securitySchemes|securityDefinitions|x-gatehouse-[^/]*|x-internal)(?:\/|$)/
/** Fields of the document that are documentation only. */
const DOCUMENTATION = /^\/(tags|servers|externalDocs|webhooks)(?:\/|$)/
/** A component, in OpenAPI and in Swagger 2.0. */
const COMPONENT = /^(\/components\/\w+|\/definitions|\/parameters|\/responses)\/[^/]+/
/** Parts that every operation depends on. With a mistake there, the document cannot be used. */
const WHOLE =
  /^(?:\/(?:paths|components(?:\/\w+)?|definitions|parameters|responses|info|openapi|swagger|security(?:\/.*)?|securityDefinitions))?$/

/** Leaves out the operations of a document that are faulty, or loosens their schemas, in place. */
export class DocumentMender {
  readonly mended: Mended[] = []
  readonly omitted: Omit<OmittedOperation, 'where'>[] = []
  readonly #mode: FaultMode
  /** Pointers of the mistakes that have been reported. */
  readonly #reported = new Set<string>()
  /** Pointers of the operations that were left out, in the order of `omitted`. */
  readonly #pointers: string[] = []

  constructor(mode: FaultMode) {
    this.#mode = mode
  }

  /** Pointers of the operations that are left out. */
  get pointers(): readonly string[] {
    return this.#pointers
  }

  /** @returns the mistakes that cannot be mended; if there are any, the document cannot be used */
  mend(root: SchemaObject, grammar: Grammar, mistakes: readonly Mistake[]): Mistake[] {
    if (this.#mode === 'refuse') return [...mistakes]
    const reach = new OperationReach(root)
    const loosened: SchemaObject[] = []
    const rest = mistakes.filter(([pointer]) => {
      if (WHOLE.test(pointer)) return true
      const schema = PROTECTED.test(pointer) ? undefined : schemaAround(root, grammar, pointer)
      if (schema !== undefined && this.#mode === 'loosen') {
        const loose = this.#loosen(root, schema)
        if (loose) loosened.push(loose)
        this.mended.push({ pointer, message: 'loosened: the schema allows everything' })
        return false
      }
      const users = reach.usersOf(pointer)
      if (users.length > 0) {
        for (const user of users) this.#omit(root, user, pointer)
        return false
      }
      return !this.#remove(root, pointer, schema)
    })
    if (loosened.length > 0) keepLoose(root, grammar, loosened)
    return rest
  }

  #loosen(root: SchemaObject, pointer: string): SchemaObject | undefined {
    const { holder, key } = placeOf(root, pointer)
    if (!isObject(holder) && !Array.isArray(holder)) return undefined
    const { description } = (holder as SchemaObject)[key] ?? {}
    const loose = typeof description === 'string' ? { description } : {}
    ;(holder as SchemaObject)[key] = loose
    return loose
  }

  #omit(root: SchemaObject, operation: string, fault: string): void {
    const { holder, key: method } = placeOf(root, operation)
    if (!isObject(holder) || holder[method] === undefined) return
    delete holder[method]
    const path = tokenName(operation.slice('/paths/'.length, operation.lastIndexOf('/')))
    this.omitted.push({ method: method.toUpperCase(), path })
    this.#pointers.push(operation)
    this.#reported.add(fault)
    this.mended.push({ pointer: fault, message: `left out: ${method.toUpperCase()} ${path}` })
  }

  /** Removes a part that no operation uses. @returns false when the document needs it */
  #remove(root: SchemaObject, pointer: string, schema: string | undefined): boolean {
    const [, section] = DOCUMENTATION.exec(pointer) ?? []
    const [component] = COMPONENT.exec(pointer) ?? []
    const [, path] = /^\/paths\/([^/]+)/.exec(pointer) ?? []
    if (section !== undefined) delete root[section]
    else if (pointer.startsWith('/info/')) {
      root.info = { title: text(root.info?.title), version: text(root.info?.version) }
    } else if (path !== undefined) this.#omitPath(root, tokenName(path))
    else if (component !== undefined && schema !== undefined) this.#loosen(root, schema)
    else if (component !== undefined) {
      const { holder, key } = placeOf(root, component)
      if (!isObject(holder)) return false
      delete holder[key]
    } else return false
    // reported already, if only operations that were left out used it
    if (!this.#reported.has(pointer)) {
      this.mended.push({
        pointer,
        message: path === undefined ? 'left out: no operation uses it' : `left out: ${tokenName(path)}`,
      })
    }
    return true
  }

  /** Leaves a path out with every method, since its operations are unknown. */
  #omitPath(root: SchemaObject, path: string): void {
    delete root.paths[path]
    if (!path.startsWith('/')) return
    for (const method of METHODS) {
      this.omitted.push({ method: method.toUpperCase(), path })
      this.#pointers.push(`/paths/${pointerToken(path)}`)
    }
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

function placeOf(root: SchemaObject, pointer: string): { holder: unknown; key: string } {
  return { holder: atPointer(root, parentPointer(pointer)), key: pointerNames(pointer).at(-1) ?? '' }
}

/**
 * The schema around a place. When that is part of an `allOf` or the like, the outermost schema that describes the same
 * value.
 */
function schemaAround(root: SchemaObject, grammar: Grammar, pointer: string): string | undefined {
  for (let at = pointer; at !== ''; at = parentPointer(at)) {
    if (shapeAt(grammar, root, at) !== 'Schema') continue
    while (IN_PLACE.test(at)) at = at.replace(IN_PLACE, '')
    return at
  }
  return undefined
}

/** Keywords with which a schema may allow less when a schema within it allows more. */
const REVERSED = ['not', 'if', 'then', 'else', 'unevaluatedProperties', 'unevaluatedItems', 'maxContains'] as const

/**
 * Keeps loosened schemas from causing new refusals. Within a `oneOf`, a loosened branch makes two branches match; below
 * a `not` or `if`, it refuses every value. So `oneOf` becomes `anyOf`, and such keywords are removed.
 * @param loosened  the schemas that allow everything
 */
function keepLoose(root: SchemaObject, grammar: Grammar, loosened: readonly SchemaObject[]): void {
  /** The schemas that contain a schema or refer to it. */
  const users = new Map<unknown, SchemaObject[]>()
  const use = (used: unknown, user: SchemaObject): void => {
    const list = users.get(used)
    if (list) list.push(user)
    else users.set(used, [user])
  }
  const pointers = new Map<string, SchemaObject>()
  walkDocument(grammar, wholeDocument(root), {
    part: ({ kind, value, pointer }) => {
      if (kind !== 'Schema') return
      pointers.set(pointer, value)
      for (let up = pointer.lastIndexOf('/'); up > 0; up = pointer.lastIndexOf('/', up - 1)) {
        const holder = pointers.get(pointer.slice(0, up))
        if (holder === undefined) continue
        use(value, holder)
        break
      }
      const target = referencePointer(value.$ref)
      if (target !== undefined) use(atPointer(root, target), value)
    },
  })
  const affected = new Set<SchemaObject>(loosened)
  // the set grows during the loop
  for (const schema of affected) for (const user of users.get(schema) ?? []) affected.add(user)
  for (const schema of affected) {
    for (const keyword of REVERSED) delete schema[keyword]
    if (
      !Array.isArray(schema.oneOf) ||
      !schema.oneOf.some((branch: unknown) => isObject(branch) && affected.has(branch))
    ) {
      continue
    }
    const { oneOf } = schema
    delete schema.oneOf
    if (schema.anyOf === undefined) schema.anyOf = oneOf
    else schema.allOf = [...(schema.allOf ?? []), { anyOf: oneOf }]
  }
}
