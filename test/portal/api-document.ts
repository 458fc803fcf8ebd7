import { pointerToken } from '../../src/schema/json-pointer.ts'
import type { SchemaObject } from '../../src/schema/json-schema.ts'
import type { ApiDocument, ApiMedia, ApiOperation, ApiParameter } from '../../src/schema/types.ts'

const STYLES = { path: 'simple', query: 'form', header: 'simple', cookie: 'form' } as const

/** The form of a small document without references outside of its schemas. */
export function apiDocument(root: SchemaObject): ApiDocument {
  const operations: ApiOperation[] = []
  for (const [path, item] of Object.entries<SchemaObject>(root.paths)) {
    for (const [method, object] of Object.entries<SchemaObject>(item)) {
      operations.push(operationOf(path, method, object))
    }
  }
  return { name: 'openapi/test.yaml', version: '3.1.0', root, operations, notes: [] }
}

function operationOf(path: string, method: string, object: SchemaObject): ApiOperation {
  const pointer = `/paths/${pointerToken(path)}/${method}`
  return {
    method: method.toUpperCase(),
    path,
    pointer,
    where: 'openapi/test.yaml:1',
    object,
    parameters: (object.parameters ?? []).map((parameter: SchemaObject, i: number): ApiParameter => {
      const place = parameter.in as ApiParameter['in']
      const style = parameter.style ?? STYLES[place]
      const mediaType = parameter.content && Object.keys(parameter.content)[0]
      const at = `${pointer}/parameters/${i}`
      return {
        in: place,
        name: parameter.name,
        required: parameter.required ?? place === 'path',
        style,
        explode: parameter.explode ?? style === 'form',
        allowEmptyValue: parameter.allowEmptyValue,
        schemaPointer: mediaType
          ? `${at}/content/${pointerToken(mediaType)}/schema`
          : parameter.schema
            ? `${at}/schema`
            : null,
        mediaType,
      }
    }),
    body: object.requestBody
      ? {
          required: object.requestBody.required ?? false,
          content: contentOf(object.requestBody.content, `${pointer}/requestBody/content`),
        }
      : null,
    responses: Object.entries<SchemaObject>(object.responses ?? {}).map(([status, response]) => ({
      status,
      content: contentOf(response.content ?? {}, `${pointer}/responses/${status}/content`),
      headers: Object.entries<SchemaObject>(response.headers ?? {}).map(([name, header]) => ({
        name,
        required: header.required ?? false,
        explode: header.explode ?? false,
        schemaPointer: header.schema ? `${pointer}/responses/${status}/headers/${name}/schema` : null,
      })),
    })),
    security: null,
    extensions: {},
  }
}

function contentOf(content: SchemaObject, at: string): ApiMedia[] {
  return Object.entries<SchemaObject>(content).map(([type, media]) => ({
    type: type.toLowerCase(),
    schemaPointer: media.schema === undefined ? null : `${at}/${pointerToken(type)}/schema`,
    encoding: media.encoding ?? {},
  }))
}

/** A document of one operation. */
export function oneOperation(
  path: string,
  method: string,
  operation: SchemaObject,
  schemas: SchemaObject = {},
): ApiDocument {
  return apiDocument({ openapi: '3.1.0', paths: { [path]: { [method]: operation } }, components: { schemas } })
}
