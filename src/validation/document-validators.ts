import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js'
import type { ApiDocument } from '../schema/types.ts'
import { DocumentSchemas } from './document-schemas.ts'
import { isObject, type JsonSchema, walkSchema } from '../schema/json-schema.ts'
import { createCompiler, type SchemaCompiler, type ValueKind } from '../schema/schema-validator.ts'
import { TypedTexts } from './typed-texts.ts'

/**
 * The validators of one document. Nothing is compiled before the first request that needs it; a schema that many
 * operations refer to is compiled once.
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

  /** Compiles a schema whose references are those that `schemas.reference` gives. */
  compiler(schema: JsonSchema): SchemaCompiler {
    return (kind, allErrors) => this.#compile(schema, kind, allErrors)
  }

  #compile(schema: JsonSchema, kind: ValueKind, allErrors: boolean): ValidateFunction {
    const key = `${kind} ${allErrors}`
    let ajv = this.#compilers.get(key)
    // a schema that many refer to is worth a function of its own; what is a list has been read as one
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
   * What is referred to goes first, and one after the other: Ajv would go after references at once, so that a long
   * chain or a large circle of them would become as deep a recursion.
   */
  #compileReferences(ajv: Ajv2020, first: ReadonlySet<string>): void {
    const added: string[] = []
    // what stands there is taken for known, and looked up when the validator runs
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
      // none may stay that refers to one without a validator
      for (const id of added) ajv.removeSchema(id)
      throw error
    } finally {
      for (const environment of environments) compiling.delete(environment)
    }
  }
}
