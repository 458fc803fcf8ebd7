import { relative, resolve } from 'node:path'
import caching from '@fastify/caching'
import compress from '@fastify/compress'
import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { docsPolicy, FAVICON, LOGO, STYLE } from '../../src/contract/docs-appearance.ts'
import { GatewayDocument, loadGatewayDocument } from '../../src/contract/gateway-document.ts'
import { OpenApiDocument } from '../../src/contract/openapi-document.ts'
import type { DocumentedRoute } from '../../src/contract/openapi-operation.ts'
import { BootProblems } from '../../src/errors.ts'

/** One OpenAPI 3.1 document of every route, and Swagger UI to browse it. */
export default fp(async (app) => {
  const { docs, openapi, baseDir } = app.config
  const file = resolve(baseDir, openapi, 'gateway.yaml')
  const name = relative(baseDir, file)
  const { info, servers, tags } = await loadGatewayDocument(file, name, (document) => checkAgainst(GatewayDocument, document, name)).catch((error: unknown): GatewayDocument => {
    if (!(error instanceof BootProblems)) throw error
    // the routes are still to be looked at
    app.bootProblems.push(...error.problems)
    return { info: { title: '', version: '' } }
  })
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info, ...servers ? { servers } : {}, ...tags ? { tags } : {}, },
    ...documentOf(app),
  })
  if (!docs) return
  const authenticate = app.authenticator(docs.auth)
  await app.register(async (scope) => {
    // every route below, static files included
    if (authenticate) scope.addHook('onRequest', authenticate)
    await scope.register(compress)
    // what is there may change with each deployment
    await scope.register(caching, { privacy: authenticate ? 'private, no-cache' : caching.privacy.NOCACHE })
    await scope.register(swaggerUi, {
      routePrefix: docs.path,
      staticCSP: docsPolicy(servers),
      logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: docs.path, target: '_self' },
      theme: {
        title: info.title,
        css: [{ filename: 'gatehouse.css', content: STYLE }],
        favicon: [{ filename: 'favicon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: FAVICON }],
      },
      uiConfig: { validatorUrl: null, deepLinking: true, tryItOutEnabled: true, displayRequestDuration: true, docExpansion: 'list', persistAuthorization: true },
    })
  })
}, { name: 'swagger', dependencies: ['authenticate'] })

/**
 * Lets @fastify/swagger gather the routes, and writes their operations itself: its own conversion loses references within
 * schemas, tuples and constants.
 */
function documentOf (app: FastifyInstance) {
  const scopes = new WeakMap<RouteOptions, FastifyInstance>()
  app.addHook('onRoute', function (route) { scopes.set(route, this) })
  const documents = new WeakMap<object, OpenApiDocument>()
  const told = new Set<RouteOptions>()
  const documentFor = (object: object): OpenApiDocument => {
    let document = documents.get(object)
    if (!document) documents.set(object, document = new OpenApiDocument(securitySchemes(app)))
    return document
  }
  return {
    transform: ({ schema, url, route, openapiObject }: { schema: unknown, url: string, route: RouteOptions, openapiObject: object }) => {
      const { method, config = {} } = route
      const taken = documentFor(openapiObject).add({ method, url, schema, config } as DocumentedRoute, scopes.get(route)?.getSchemas())
      if (taken.length > 0 && !told.has(route)) app.log.warn({ operations: taken, hosts: config.hosts }, 'the document has these operations for another host or condition already; they are left out')
      told.add(route)
      return { schema: { hide: true }, url }
    },
    transformObject: (({ openapiObject }: { openapiObject: Record<string, any> }) => {
      const { paths, components, additionalOperations } = documentFor(openapiObject)
      const further = Object.keys(additionalOperations).length > 0 ? { 'x-additional-operations': additionalOperations } : {}
      // without objects that stand in several places, which YAML would write as aliases
      return JSON.parse(JSON.stringify({ ...openapiObject, paths: { ...openapiObject.paths, ...paths }, components, ...further }))
    }) as SwaggerTransformObject,
  } as object
}

/** The schemes that are configured and that OpenAPI has a word for. */
function securitySchemes (app: FastifyInstance): Record<string, object> {
  return Object.fromEntries([...app.authSchemes.values()].flatMap(({ name, security }) => security ? [[name, security]] : []))
}
