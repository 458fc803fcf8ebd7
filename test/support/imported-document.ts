import type { DocumentedRoute } from '../../src/portal/openapi-operation.ts'
import { pointerToken } from '../../src/schema/json-pointer.ts'
import { isObject } from '../../src/schema/json-schema.ts'
import type { ApiDocument, ApiOperation } from '../../src/schema/types.ts'

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'])

/** An imported document of plain data; what checks read of parameters and bodies is left empty. */
export function importedDocument(content: object): ApiDocument {
  const root: Record<string, any> = { openapi: '3.1.0', info: { title: 'Imported', version: '2.1' }, ...content }
  const operations = Object.entries<any>(root.paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => METHODS.has(method))
      .map((method): ApiOperation => ({
        method: method.toUpperCase(),
        path,
        operationId: item[method].operationId,
        pointer: `/paths/${pointerToken(path)}/${method}`,
        where: 'openapi/imported.yaml:1',
        object: item[method],
        parameters: [],
        body: null,
        responses: [],
        security: null,
        extensions: Object.fromEntries(
          [item, item[method]]
            .filter(isObject)
            .flatMap((part) => Object.entries(part).filter(([name]) => name.startsWith('x-'))),
        ),
      })),
  )
  return { name: 'openapi/imported.yaml', version: '3.1.0', root, operations, notes: [] }
}

/** A route for each operation, as an import makes them: names of parameters that the router cannot have are others. */
export function importedRoutes(
  document: ApiDocument,
  {
    upstream = 'orders',
    prefix = `/${upstream}`,
    schema = {},
    config = {},
  }: { upstream?: string; prefix?: string; schema?: object; config?: object } = {},
): DocumentedRoute[] {
  return document.operations.map((operation) => {
    const url =
      prefix + operation.path.replace(/\{([^{}]*)\}/g, (_, name: string) => (/^\w+$/.test(name) ? `:${name}` : ':p'))
    return {
      method: operation.method,
      url,
      schema: { tags: [upstream], ...schema },
      config: { auth: 'none', upstream, publicUrl: url, api: { document, operation }, ...config },
    }
  })
}
