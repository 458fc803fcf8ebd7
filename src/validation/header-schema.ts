import { isObject, type JsonSchema, type SchemaObject, walkSchema } from '../schema/json-schema.ts'

/**
 * Names of headers in small letters, as they arrive (RFC 9110, section 5.1: they have no case), wherever a schema of
 * the headers speaks of them. Changes the schema that it is given.
 */
export function lowerCaseHeaderNames(schema: JsonSchema): JsonSchema {
  walkSchema(schema, (found) => {
    // the values of headers are strings, so every object in such a schema is the headers themselves
    for (const keyword of ['properties', 'dependentSchemas', 'dependentRequired', 'dependencies']) {
      if (isObject(found[keyword])) found[keyword] = lowerCaseKeys(found[keyword])
    }
    if (Array.isArray(found.required)) found.required = found.required.map(lowerCase)
    if (typeof found.propertyNames === 'object') lowerCaseNameSchema(found.propertyNames)
  })
  return schema
}

const lowerCase = (name: unknown): unknown => (typeof name === 'string' ? name.toLowerCase() : name)

function lowerCaseKeys(map: SchemaObject): SchemaObject {
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.map(lowerCase) : value,
    ]),
  )
}

function lowerCaseNameSchema(schema: SchemaObject): void {
  walkSchema(schema, (found) => {
    if (Array.isArray(found.enum)) found.enum = found.enum.map(lowerCase)
    if ('const' in found) found.const = lowerCase(found.const)
  })
}
