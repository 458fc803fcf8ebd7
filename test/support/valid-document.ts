import assert from 'node:assert/strict'
import SwaggerParser from '@apidevtools/swagger-parser'
import { Validator } from '@seriousme/openapi-schema-validator'

/** The document as it is sent, once two independent validators have found it valid. */
export async function validDocument(document: object): Promise<Record<string, any>> {
  const sent = JSON.parse(JSON.stringify(document))
  const result = await new Validator().validate(structuredClone(sent))
  assert.ok(result.valid, JSON.stringify(result.errors))
  await SwaggerParser.validate(structuredClone(sent))
  return sent
}
