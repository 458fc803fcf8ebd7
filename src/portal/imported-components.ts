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

/** Where an operation of an imported document stands in the one that is made. */
export interface OperationTarget {
  operationId: string
  /** JSON pointer; undefined for methods that OpenAPI 3.1 has no field for. */
  pointer?: string
  /** Parameters of its path that have another name there. */
  renamed: ReadonlyMap<string, string>
}

/** What of a document is known before the first part is copied. */
export interface ImportScope {
  document: ApiDocument
  /** Stands in front of the names of components. */
  prefix: string
  names: ComponentNames
  /** The operation that a pointer or an `operationId` of the document means; undefined when it is not to be seen. */
  target: (reference: { pointer: string } | { operationId: string }) => OperationTarget | undefined
  /** A free `operationId`. */
  operationId: (wanted: string) => string
}

/** Longest chain of references that is followed. */
const MAX_CHAIN = 50
/** Fields of a Reference Object (OpenAPI 3.1, section 4.8.23.1). */
const REFERENCE_FIELDS = new Set(['$ref', 'summary', 'description'])
/** Names of schemas that only make sense in the document that they are from; references are pointers. */
const NAMES_OF_SCHEMA = new Set(['$id', '$anchor', '$schema'])
/** Said by the gateway, for operations of callbacks as well. */
const FIELDS_OF_OPERATION = new Set(['security', 'tags'])
const SCHEMAS = '/components/schemas/'

/**
 * Copies parts of one imported document into another, with all that they refer to: what is referred to becomes a
 * component under a name of its own, and references, mappings and links follow. What nothing refers to stays behind.
 */
export class ImportedComponents {
  /** Components by section and name. */
  readonly sections: Record<string, Record<string, unknown>> = {}
  readonly #scope: ImportScope
  readonly #adopted = new Map<string, string>()
  readonly #waiting: { home: string; kind: Kind; name: string; problem: number }[] = []
  #heirs: Map<string, string[]> | undefined

  constructor(scope: ImportScope) {
    this.#scope = scope
  }

  /** @param home  JSON pointer of a schema that stands alone, by which others refer to it */
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
      // nobody knows what such references mean, and readers who follow each that they find would be led nowhere or
      // astray
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

  /** The response, to which the error of the gateway with the same status is added. */
  withProblem(response: unknown, status: number): unknown {
    if (!isObject(response) || typeof response.$ref !== 'string') {
      return addProblem(this.copy(response, 'response') as SchemaObject, status)
    }
    const pointer = this.#follow(response)
    if (pointer === undefined) return addProblem({ description: '' }, status)
    return { $ref: `#/components/responses/${this.#adopt(pointer, 'response', status)}` }
  }

  /**
   * What a reference of the document is in the one that is made.
   * @throws Error when it leads nowhere, which the reader of documents rules out
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

  /** The value itself, or what its references lead to. */
  resolve(value: unknown): unknown {
    const pointer = this.#follow(value)
    return pointer === undefined ? value : atPointer(this.#scope.document.root, pointer)
  }

  /** Copies what has been referred to, and what that refers to. */
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

  /** Where the references of a value lead in the end; undefined when it has none or they go in a circle. */
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
   * Values lead to schemas by name or reference. Without a mapping they are the names, which are others now: a mapping
   * says so.
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

  /** The schemas that say `allOf` with this one, and those that do with them: nothing else refers to them. */
  #descendants(home: string): string[] {
    if (!this.#heirs) {
      this.#heirs = new Map()
      for (const [name, schema] of Object.entries<unknown>(this.#scope.document.root.components?.schemas ?? {})) {
        for (const part of isObject(schema) && Array.isArray(schema.allOf) ? schema.allOf : []) {
          const parent = isObject(part) ? referencePointer(part.$ref) : undefined
          if (parent === undefined) continue
          const heirs = this.#heirs.get(parent)
          if (heirs) heirs.push(SCHEMAS + pointerToken(name))
          else this.#heirs.set(parent, [SCHEMAS + pointerToken(name)])
        }
      }
    }
    const found = new Set<string>()
    const look = [home]
    for (let next = look.pop(); next !== undefined; next = look.pop()) {
      for (const heir of this.#heirs.get(next) ?? []) {
        if (heir === home || found.has(heir)) continue
        found.add(heir)
        look.push(heir)
      }
    }
    return [...found]
  }

  /** Whether a link leads to an operation that is to be seen. */
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
    // the server is that of the gateway
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

/** Whether a field holds plain data that only says something to people and tools: extensions and examples. */
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

/** A name for what stands at a pointer: its own where it has one, else the way to it. */
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
