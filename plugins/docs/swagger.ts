import { join } from 'node:path'
import compress from '@fastify/compress'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { loadGatewayDocument } from '../../src/contract/gateway-document.ts'
import { describeOperation, type DocumentedRoute, isDocumentable, sharedComponents } from '../../src/contract/openapi-operation.ts'
import { documentPath } from '../../src/contract/openapi-path.ts'

/** One OpenAPI 3.1 document of every route, and Swagger UI to browse it. */
export default fp(async (app) => {
  const { docs, openapi } = app.config
  const { info, servers, tags } = await loadGatewayDocument(join(openapi, 'gateway.yaml'))
  const transform = documentedBy(app)
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info, ...servers ? { servers } : {}, ...tags ? { tags } : {}, components: sharedComponents() as never },
    transform: ({ schema, route }) => transform(schema as Record<string, unknown> | undefined, route) as never,
  })
  if (!docs) return
  const authenticate = app.authenticator(docs.auth)
  await app.register(async (scope) => {
    if (authenticate) scope.addHook('onRequest', authenticate)
    await scope.register(compress)
    await scope.register(swaggerUi, {
      routePrefix: docs.path,
      // only what this gateway itself serves; the page works offline
      staticCSP: true,
      theme: { title: info.title },
      uiConfig: { validatorUrl: null, deepLinking: true, tryItOutEnabled: true, displayRequestDuration: true, docExpansion: 'list', persistAuthorization: true },
    })
  })
}, { name: 'swagger', dependencies: ['jwt'] })

/** Puts each route into the document, except those that cannot stand there. */
function documentedBy (app: FastifyInstance): (schema: Record<string, unknown> | undefined, route: RouteOptions) => { schema: object, url: string } {
  const owners = new Map<string, RouteOptions>()
  return (schema = {}, route) => {
    const documented = { method: route.method, schema, config: route.config ?? {} } as DocumentedRoute
    const path = documented.config.publicUrl ?? route.url
    const url = documentPath(path)
    // the router's own routes, Swagger UI's for example, say nothing of who may call
    if (documented.config.auth === undefined || !isDocumentable(documented, path)) return { schema: { hide: true }, url }
    const key = `${String(route.method)} ${url}`
    const owner = owners.get(key) ?? route
    owners.set(key, owner)
    if (owner !== route) {
      app.log.warn({ route: key, hosts: documented.config.hosts }, 'the document has this operation for another host already; it is left out')
      return { schema: { hide: true }, url }
    }
    return { schema: describeOperation(documented, path), url }
  }
}
