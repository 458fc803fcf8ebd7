import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js'
import type { Problem } from '../errors.ts'
import { atPointer, pointerOf } from '../schema/json-pointer.ts'
import { isObject, walkSchema, type JsonSchema } from '../schema/json-schema.ts'
import { keywordMistakes } from '../schema/keyword-mistakes.ts'
import { createCompiler, type SchemaCompiler, type ValueKind } from '../schema/schema-validator.ts'
import type { ApiDocument, ApiOperation } from '../schema/types.ts'
import { DocumentSchemas } from './document-schemas.ts'
import { scalarValue, textShape, type TextShape } from './text-shape.ts'

/**
 * The validators of one document. A schema is compiled by the first request that needs it; one that many operations
 * share is compiled once.
 */
export class DocumentValidators {
  readonly document: ApiDocument
  readonly schemas: DocumentSchemas
  readonly texts: TypedTexts
  readonly #compilers = new Map<string, Ajv2020>()

  constructor(document: ApiDocument) {
    this.document = document
    this.schemas = new DocumentSchemas(document.root)
    this.texts = new TypedTexts(document.root)
  }

  /** A compiler for a schema whose references come from `schemas.reference`. */
  compiler(schema: JsonSchema): SchemaCompiler {
    return (kind, allErrors) => this.#compile(schema, kind, allErrors)
  }

  #compile(schema: JsonSchema, kind: ValueKind, allErrors: boolean): ValidateFunction {
    const key = `${kind} ${allErrors}`
    let ajv = this.#compilers.get(key)
    // not inlined, so that a shared schema is one function; lists are read as lists before, so no coercion to arrays
    if (!ajv) {
      this.#compilers.set(
        key,
        (ajv = createCompiler(kind, allErrors, { inlineRefs: false, coerceTypes: kind === 'text' })),
      )
    }
    const references = new Set<string>()
    walkSchema(schema, ({ $ref }) => {
      if (typeof $ref === 'string') references.add($ref)
    })
    this.#compileReferences(ajv, references)
    const validate = ajv.compile(schema)
    if (isObject(schema)) ajv.removeSchema(schema)
    return validate
  }

  /**
   * Compiles referenced schemas first, one by one. Ajv would follow references recursively, and overflow the stack on a
   * long chain or a large circle.
   */
  #compileReferences(ajv: Ajv2020, first: ReadonlySet<string>): void {
    const added: string[] = []
    // Ajv does not compile a schema in this set; its validator is looked up at run time
    const compiling = ajv['_compilations']
    const waiting = [...first]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (ajv.schemas[id] !== undefined) continue
      const { schema, references } = this.schemas.get(id)
      ajv.addSchema(schema, id)
      added.push(id)
      waiting.push(...references)
    }
    const environments = added.map((id) => ajv.schemas[id]!)
    for (const environment of environments) compiling.add(environment)
    try {
      for (let i = added.length - 1; i >= 0; i--) {
        compiling.delete(environments[i]!)
        ajv.getSchema(added[i]!)
      }
    } catch (error) {
      // remove all of them, since one may refer to a schema without a validator
      for (const id of added) ajv.removeSchema(id)
      throw error
    } finally {
      for (const environment of environments) compiling.delete(environment)
    }
  }
}

/** Finds mistakes that keep the schemas of a document from being compiled, each place once. */
export function documentMistakes(document: ApiDocument): Problem[] {
  const problems: Problem[] = []
  const pointers = new Set(document.operations.flatMap(schemaPointers))
  // the set grows during the loop
  for (const pointer of pointers) {
    walkSchema(
      atPointer(document.root, pointer),
      (schema, at) => {
        if (typeof schema.$ref === 'string') pointers.add(pointerOf(schema.$ref))
        for (const [keyword, message] of keywordMistakes(schema)) {
          problems.push({ file: document.name, field: `#${at}/${keyword}`, message })
        }
      },
      pointer,
    )
  }
  return problems
}

/** Pointers of the schemas that an operation's requests and responses are checked with. */
function schemaPointers({ parameters, body, responses }: ApiOperation): string[] {
  return [
    ...parameters,
    ...(body?.content ?? []),
    ...responses.flatMap(({ content, headers }) => [...content, ...headers]),
  ]
    .map(({ schemaPointer }) => schemaPointer)
    .filter((pointer) => pointer !== null)
}

/**
 * Converts texts within lists and objects to the types of their schemas. Ajv's coercion is not enough: it converts
 * within one schema at a time, so a `maximum` beside an `allOf` or a reference would still see the text and not apply.
 */
class TypedTexts {
  readonly #root: unknown
  readonly #shapes = new Map<string, TextShape>()

  /** @param root  of the document */
  constructor(root: unknown) {
    this.#root = root
  }

  /**
   * A copy with numbers and booleans; a text that several types fit is not changed.
   * @param pointer  JSON pointer of the schema; null for none
   */
  typed(pointer: string | null, value: unknown): unknown {
    if (pointer === null) return value
    if (typeof value === 'string') {
      return this.#shape(pointer).textual.reduce<unknown>(
        (typed, type) => (typeof typed === 'string' ? scalarValue(typed, type) : typed),
        value,
      )
    }
    if (typeof value !== 'object' || value === null) return value
    const shape = this.#shape(pointer)
    if (Array.isArray(value)) return value.map((item) => this.typed(shape.itemsPointer, item))
    const copy: Record<string, unknown> = Object.create(null)
    for (const name of Object.keys(value)) {
      copy[name] = this.typed(
        shape.properties.get(name) ?? shape.othersPointer,
        (value as Record<string, unknown>)[name],
      )
    }
    return copy
  }

  #shape(pointer: string): TextShape {
    let shape = this.#shapes.get(pointer)
    if (!shape) this.#shapes.set(pointer, (shape = textShape(this.#root, pointer)))
    return shape
  }
}
