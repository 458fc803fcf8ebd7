import { join } from 'node:path'
import compress from '@fastify/compress'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { loadGatewayDocument } from '../../src/contract/gateway-document.ts'
import { describeOperation, sharedComponents } from '../../src/contract/openapi-operation.ts'

/** One OpenAPI 3.1 document of every route, and Swagger UI to browse it. */
export default fp(async (app) => {
  const { docs, openapi } = app.config
  const { info, servers, tags } = await loadGatewayDocument(join(openapi, 'gateway.yaml'))
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info, ...servers ? { servers } : {}, ...tags ? { tags } : {}, components: sharedComponents() as never },
    hideUntagged: false,
    transform: ({ schema, url, route }) => describeOperation(schema as never, url, route) as never,
  })
  if (!docs) return
  const authenticate = app.authenticator(docs.auth)
  await app.register(async (scope) => {
    if (authenticate) scope.addHook('onRequest', authenticate)
    await scope.register(compress, { global: true })
    await scope.register(swaggerUi, {
      routePrefix: docs.path,
      staticCSP: true,
      uiConfig: { validatorUrl: null, deepLinking: true, tryItOutEnabled: true, displayRequestDuration: true, docExpansion: 'list', persistAuthorization: true },
      theme: { title: info.title },
    })
  })
}, { name: 'swagger', dependencies: ['jwt'] })
