import type { SchemaObject } from '../../src/schema/json-schema.ts'
import { readOperations } from '../../src/openapi/operation-reader.ts'
import type { ApiDocument } from '../../src/schema/types.ts'

/** An API document as the loader hands it over, from its JSON in OpenAPI 3.1. */
export const apiDocument = (root: SchemaObject, name = 'openapi/shop.yaml'): ApiDocument => ({
  name,
  version: '3.1.0',
  root,
  notes: [],
  operations: readOperations(root).map((operation, i) => ({ ...operation, where: `${name}:${i + 1}` })),
})
