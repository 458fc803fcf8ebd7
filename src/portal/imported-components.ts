import {
  atPointer,
  encodePointer,
  pointerNames,
  pointerToken,
  referencePointer,
  tokenName,
} from '../schema/json-pointer.ts'
import type { ApiDocument } from '../schema/types.ts'
import type { ComponentNames } from './placed-schemas.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { addProblem } from './openapi-answers.ts'
import { fieldOf, homeLength, type Kind, SECTIONS } from './openapi-grammar.ts'

/** Where an operation of an imported document is in the generated one. */
export interface OperationTarget {
  operationId: string
  /** JSON pointer; undefined for methods that OpenAPI 3.1 has no field for. */
  pointer?: string
  /** Path parameters that have another name there. */
  renamed: ReadonlyMap<string, string>
}

/** The context for copying from one imported document. */
export interface ImportScope {
  document: ApiDocument
  /** Prefix for the names of components. */
  prefix: string
  names: ComponentNames
  /** Finds an operation by pointer or `operationId` of the document; undefined when it is hidden. */
  target: (reference: { pointer: string } | { operationId: string }) => OperationTarget | undefined
  /** Makes a unique `operationId`. */
  operationId: (wanted: string) => string
}

/** Longest chain of references that is followed. */
const MAX_CHAIN = 50
/** Fields of a Reference Object (OpenAPI 3.1, section 4.8.23.1). */
const REFERENCE_FIELDS = new Set(['$ref', 'summary', 'description'])
/** Names of schemas, removed since references are pointers. */
const NAMES_OF_SCHEMA = new Set(['$id', '$anchor', '$schema'])
/** Fields that the gateway sets itself, for operations of callbacks too. */
const FIELDS_OF_OPERATION = new Set(['security', 'tags'])
const SCHEMAS = '/components/schemas/'

/**
 * Copies parts of an imported document into the generated one, with everything that they refer to. A referenced part
 * becomes a component with a unique name; references, mappings and links are rewritten. Unused components are not
 * copied.
 */
export class ImportedComponents {
  /** Components by section and name. */
  readonly sections: Record<string, Record<string, unknown>> = {}
  readonly #scope: ImportScope
  readonly #adopted = new Map<string, string>()
  readonly #waiting: { home: string; kind: Kind; name: string; problem: number }[] = []
  #subtypes: Map<string, string[]> | undefined

  constructor(scope: ImportScope) {
    this.#scope = scope
  }

  /** @param home  JSON pointer of the value when it is a component */
  copy(value: unknown, kind: Kind, home?: string): unknown {
    if (!isObject(value)) return value
    const refers = typeof value.$ref === 'string' && SECTIONS[kind] !== undefined
    const fields: [string, unknown][] = []
    for (const key of Object.keys(value)) {
      const part: unknown = value[key]
      if (refers && key === '$ref') fields.push([key, this.reference(part as string, kind)])
      else if (refers && kind !== 'schema' && kind !== 'pathItem' && !REFERENCE_FIELDS.has(key)) continue
      else if (kind === 'schema' ? NAMES_OF_SCHEMA.has(key) : kind === 'operation' && FIELDS_OF_OPERATION.has(key)) {
        continue
      }
      // a `$ref` in plain data has no defined meaning, and readers that follow it would find the wrong part or none
      else if (isShown(key, kind) && holdsReference(part)) continue
      else if (kind === 'schema' && key === 'discriminator' && isObject(part)) {
        fields.push([key, this.#discriminator(part, value, home)])
      } else if (kind === 'operation' && key === 'operationId') {
        fields.push([key, this.#scope.operationId(String(part))])
      } else fields.push([key, this.#field(part, kind, key)])
    }
    return kind === 'link' ? this.#link(Object.fromEntries(fields)) : Object.fromEntries(fields)
  }

  #field(part: unknown, kind: Kind, key: string): unknown {
    const field = fieldOf(kind, key)
    if (field === undefined || typeof part !== 'object' || part === null) return part
    const [holds, inner] = field
    if (holds === 'map') {
      const entries = Object.entries(part).filter(([, value]) => inner !== 'link' || this.#leads(value))
      return Object.fromEntries(entries.map(([name, value]) => [name, this.copy(value, inner)]))
    }
    return Array.isArray(part) ? part.map((value) => this.copy(value, inner)) : this.copy(part, inner)
  }

  /** Copies a response and adds the error of the gateway with the same status. */
  withProblem(response: unknown, status: number): unknown {
    if (!isObject(response) || typeof response.$ref !== 'string') {
      return addProblem(this.copy(response, 'response') as SchemaObject, status)
    }
    const pointer = this.#follow(response)
    if (pointer === undefined) return addProblem({ description: '' }, status)
    return { $ref: `#/components/responses/${this.#adopt(pointer, 'response', status)}` }
  }

  /**
   * Rewrites a reference of the imported document for the generated one.
   * @throws Error when it leads nowhere; loading a document excludes that
   */
  reference(reference: string, kind: Kind): string {
    const pointer = referencePointer(reference)
    if (pointer === undefined || atPointer(this.#scope.document.root, pointer) === undefined) {
      throw new Error(`${this.#scope.document.name}: "$ref" is "${reference}", which leads nowhere`)
    }
    const length = homeLength(pointer, kind)
    const name = this.#adopt(pointer.slice(0, length), kind)
    return `#/components/${SECTIONS[kind]!}/${name}${encodePointer(pointer.slice(length))}`
  }

  /** The value itself, or the one that its references lead to. */
  resolve(value: unknown): unknown {
    const pointer = this.#follow(value)
    return pointer === undefined ? value : atPointer(this.#scope.document.root, pointer)
  }

  /** Copies the referenced parts, and the parts that these refer to. */
  finish(): void {
    for (const { home, kind, name, problem } of this.#waiting) {
      const copied = this.copy(atPointer(this.#scope.document.root, home), kind, home)
      const section = (this.sections[SECTIONS[kind]!] ??= {})
      section[name] = problem ? addProblem(copied as SchemaObject, problem) : copied
    }
    this.#waiting.length = 0
  }

  /** @param problem  status of the gateway's error that is added to the response; 0 for none */
  #adopt(home: string, kind: Kind, problem = 0): string {
    const key = `${kind} ${problem} ${home}`
    let name = this.#adopted.get(key)
    if (name === undefined) {
      name = this.#scope.names.take(
        SECTIONS[kind]!,
        `${this.#scope.prefix}${nameOf(home, kind)}${problem ? '-or-Problem' : ''}`,
      )
      this.#adopted.set(key, name)
      this.#waiting.push({ home, kind, name, problem })
    }
    return name
  }

  /** The pointer that the references of a value lead to; undefined when there are none, or they form a circle. */
  #follow(value: unknown): string | undefined {
    let pointer: string | undefined
    for (let step = 0; step < MAX_CHAIN && isObject(value) && typeof value.$ref === 'string'; step++) {
      pointer = referencePointer(value.$ref)
      if (pointer === undefined) return undefined
      value = atPointer(this.#scope.document.root, pointer)
    }
    return isObject(value) && typeof value.$ref === 'string' ? undefined : pointer
  }

  /**
   * Rewrites a discriminator. Without a mapping, its values are the names of components; these change, so a mapping is
   * added.
   */
  #discriminator(discriminator: SchemaObject, schema: SchemaObject, home: string | undefined): SchemaObject {
    const mapped = new Set<string>()
    const mapping = Object.entries(isObject(discriminator.mapping) ? discriminator.mapping : {}).map(
      ([value, to]): [string, unknown] => {
        const pointer =
          typeof to !== 'string' ? undefined : to.startsWith('#') ? referencePointer(to) : SCHEMAS + pointerToken(to)
        if (pointer === undefined || atPointer(this.#scope.document.root, pointer) === undefined) return [value, to]
        mapped.add(pointer)
        return [value, this.reference(`#${encodePointer(pointer)}`, 'schema')]
      },
    )
    const stated = new Set(mapping.map(([value]) => value))
    const parts = [schema.oneOf, schema.anyOf]
      .flatMap((list) => (Array.isArray(list) ? list : []))
      .map((part) => (isObject(part) ? referencePointer(part.$ref) : undefined))
    for (const pointer of parts.length > 0 ? parts : home === undefined ? [] : this.#descendants(home)) {
      if (pointer === undefined || mapped.has(pointer) || !/^\/components\/schemas\/[^/]+$/.test(pointer)) continue
      const reference = this.reference(`#${encodePointer(pointer)}`, 'schema')
      const value = pointerNames(pointer).at(-1)!
      if (reference !== `#${SCHEMAS}${value}` && !stated.has(value)) mapping.push([value, reference])
    }
    return { ...discriminator, ...(mapping.length > 0 ? { mapping: Object.fromEntries(mapping) } : {}) }
  }

  /** The subtypes of a schema: those that include it by `allOf`, and their subtypes. Nothing else refers to them. */
  #descendants(home: string): string[] {
    if (!this.#subtypes) {
      this.#subtypes = new Map()
      for (const [name, schema] of Object.entries<unknown>(this.#scope.document.root.components?.schemas ?? {})) {
        for (const part of isObject(schema) && Array.isArray(schema.allOf) ? schema.allOf : []) {
          const parent = isObject(part) ? referencePointer(part.$ref) : undefined
          if (parent === undefined) continue
          const subtypes = this.#subtypes.get(parent)
          if (subtypes) subtypes.push(SCHEMAS + pointerToken(name))
          else this.#subtypes.set(parent, [SCHEMAS + pointerToken(name)])
        }
      }
    }
    const found = new Set<string>()
    const look = [home]
    for (let next = look.pop(); next !== undefined; next = look.pop()) {
      for (const subtype of this.#subtypes.get(next) ?? []) {
        if (subtype === home || found.has(subtype)) continue
        found.add(subtype)
        look.push(subtype)
      }
    }
    return [...found]
  }

  /** Whether a link leads to a visible operation. */
  #leads(value: unknown): boolean {
    const link = this.resolve(value)
    if (!isObject(link) || typeof link.$ref === 'string') return false
    return (
      this.#target(link) !== undefined || (typeof link.operationRef === 'string' && !link.operationRef.startsWith('#'))
    )
  }

  #target({ operationRef, operationId }: SchemaObject): OperationTarget | undefined {
    if (typeof operationId === 'string') return this.#scope.target({ operationId })
    const pointer = referencePointer(operationRef)
    return pointer === undefined ? undefined : this.#scope.target({ pointer })
  }

  #link(link: SchemaObject): SchemaObject {
    const target = this.#target(link)
    if (target === undefined) return link
    // the server is left out: it is always the gateway
    const { operationRef, operationId, parameters, server, ...rest } = link
    const renamed = (name: string): string =>
      name.startsWith('path.')
        ? `path.${target.renamed.get(name.slice(5)) ?? name.slice(5)}`
        : (target.renamed.get(name) ?? name)
    return {
      ...(operationRef !== undefined && target.pointer !== undefined
        ? { operationRef: `#${encodePointer(target.pointer)}` }
        : { operationId: target.operationId }),
      ...(isObject(parameters)
        ? { parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [renamed(name), value])) }
        : {}),
      ...rest,
    }
  }
}

/** Whether a field holds plain data for people and tools: an extension or an example. */
const isShown = (key: string, kind: Kind): boolean =>
  key.startsWith('x-') ||
  (kind === 'example' ? key === 'value' : (key === 'example' || key === 'examples') && fieldOf(kind, key) === undefined)

/** Whether there is a `$ref` into the document anywhere in plain data. */
export function holdsReference(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (
    (isObject(value) && typeof value.$ref === 'string' && value.$ref.startsWith('#')) ||
    Object.values(value).some(holdsReference)
  )
}

/** A name for the part at a pointer: its own name, else one made of the pointer. */
function nameOf(home: string, kind: Kind): string {
  const tokens = home.split('/').slice(1)
  const named = tokens.length > 1 && [SECTIONS[kind], 'definitions', '$defs'].includes(tokens.at(-2))
  return named
    ? tokenName(tokens.at(-1)!)
    : tokenName(tokens.join('-'))
        .replace(/[^\w.]+/g, '-')
        .replace(/^-?(?:paths|components)-|-$/g, '')
        .replace(/^-/, '')
        .slice(0, 100)
}
