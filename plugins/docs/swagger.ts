import { relative, resolve } from 'node:path'
import type {} from '@fastify/swagger'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { ApiPortal, type PublishedDocument } from '../../src/portal/api-portal.ts'
import { withHint, docsPage, documentChoice } from '../../src/portal/docs-page.ts'
import { docsConfig, docsPlugin, docsPolicy, docsStyle, FAVICON, LOGO } from '../../src/portal/docs-appearance.ts'
import { GatewayDocument, loadGatewayDocument } from '../../src/portal/gateway-document.ts'
import type { DocumentedRoute } from '../../src/portal/openapi-operation.ts'
import { HOST_NAME, hostName } from '../../src/portal/document-host.ts'
import { BootProblems, gatehouseError } from '../../src/errors.ts'
import { validatePage } from '../../src/proxy/page-validator.ts'

const HOST = new RegExp(HOST_NAME)
const DocumentQuery = { type: 'object', properties: { host: { type: 'string', maxLength: 260, pattern: HOST_NAME } } }
/** Most operations that a line of the log names. */
const MOST_LOGGED = 10
const SHARED =
  'several routes have one method and path, for other hosts or headers: the document of the whole gateway shows one of them and names the others, and ?host= asks for that of a host'

/** OpenAPI 3.1 documents of every route and of each upstream, and Swagger UI to browse them. */
export default fp(
  async (app) => {
    const { docs, openapi, baseDir, host, port } = app.config
    const file = resolve(baseDir, openapi, 'gateway.yaml')
    const name = relative(baseDir, file)
    const about = await loadGatewayDocument(file, name, (document) =>
      checkAgainst(GatewayDocument, document, name),
    ).catch((error: unknown): GatewayDocument => {
      if (!(error instanceof BootProblems)) throw error
      // the routes are still to be looked at
      app.bootProblems.push(...error.problems)
      return { info: { title: '', version: '' } }
    })
    const portal = new ApiPortal({
      about,
      securitySchemes: () => securitySchemes(app, about),
      hideScopes: docs ? docs.hideScopes : [],
      address: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
      shared: (operations) => {
        app.log.info({ operations: operations.slice(0, MOST_LOGGED), count: operations.length }, SHARED)
      },
    })
    app.decorate('portal', portal)
    app.addHook('onRoute', function (route) {
      // a HEAD that comes with a GET is no operation of its own
      if (route.method !== 'HEAD' || route.config?.api) {
        portal.add(
          () =>
            ({
              method: route.method,
              url: route.url,
              schema: route.schema,
              constraints: route.constraints,
              config: route.config ?? {},
            }) as DocumentedRoute,
          () => this.getSchemas(),
        )
      }
    })
    if (!docs) return
    // only the pages need these; yaml writes the documents
    const [{ default: swagger }, { default: swaggerUi }, { default: caching }, { default: compress }] =
      await Promise.all([
        import('@fastify/swagger'),
        import('@fastify/swagger-ui'),
        import('@fastify/caching'),
        import('@fastify/compress'),
        import('yaml'),
      ])
    await app.register(swagger, {
      openapi: { openapi: '3.1.0', info: about.info },
      // its own conversion loses references within schemas, tuples and constants
      transform: ({ url }: { url: string }) => ({ schema: { hide: true }, url }),
      transformObject: () => portal.whole.value,
    } as object)
    const authenticate = app.authenticator(docs.auth ?? 'none')
    await app.register(async (scope) => {
      // every route below, static files included
      if (authenticate) scope.addHook('onRequest', authenticate)
      await scope.register(compress, { customTypes: /^text\/(?!event-stream)|[+/](?:javascript|json|xml|yaml)(?:;|$)/ })
      scope.addHook('onSend', validatePage)
      // what is there may change with each deployment
      await scope.register(caching, { privacy: authenticate ? 'private, no-cache' : caching.privacy.NOCACHE })
      const page = docsPage(docs.path, about.info.title)
      scope.addHook('onRoute', (route: RouteOptions) => {
        if (route.method === 'GET') route.method = ['GET', 'HEAD']
        // the documents are at hand as text
        if (route.url === docs.path || route.url === `${docs.path}/`) {
          route.handler = (_, reply) => reply.type('text/html; charset=utf-8').send(page)
        }
        for (const form of ['json', 'yaml'] as const) {
          if (route.url !== `${docs.path}/${form}`) continue
          route.schema = { hide: true, querystring: DocumentQuery } as object
          route.handler = (request, reply) => send(request, reply, documentFor(portal, request), form)
        }
      })
      scope.get<{ Params: { name: string; form: 'json' | 'yaml' } }>(
        `${docs.path}/upstreams/:name.:form(^(?:json|yaml)$)`,
        { schema: { hide: true } },
        (request, reply) => {
          const { name, form } = request.params
          const document = portal.upstream(name)
          if (!document) throw gatehouseError('GW_NOT_FOUND')
          return send(request, reply, document, form)
        },
      )
      const choice = `${docs.path}/static/documents.json`
      scope.get(choice, { schema: { hide: true } }, (request) => {
        const host = hostName(request.host)
        return documentChoice(docs.path, about.info.title, portal.upstreams(portal.names(host) ? host : undefined))
      })
      await scope.register(swaggerUi, {
        routePrefix: docs.path,
        staticCSP: docsPolicy(about.servers),
        logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: docs.path, target: '_self' },
        theme: {
          title: about.info.title,
          css: [{ filename: 'gatehouse.css', content: docsStyle() }],
          js: [{ filename: 'gatehouse.js', content: docsPlugin() }],
          favicon: [{ filename: 'favicon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: FAVICON }],
        },
        uiConfig: docsConfig(choice),
      })
    })
  },
  { name: 'swagger', dependencies: ['authenticate'] },
)

/**
 * The document of the host that is named in the query, or that the request came to; of the whole gateway on other
 * hosts.
 */
function documentFor(portal: ApiPortal, request: FastifyRequest): PublishedDocument {
  const asked = hostName(request.host)
  const { host } = request.query as { host?: string }
  const name = host === undefined ? asked : hostName(host)
  return host === undefined && !portal.names(asked) ? portal.whole : portal.onHost(name, name === asked)
}

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  document: PublishedDocument,
  form: 'json' | 'yaml',
): Promise<string> {
  // what a trusted proxy hands on may come from a client, and becomes part of JSON and YAML
  const address = HOST.test(request.host)
    ? `${request.protocol === 'https' ? 'https' : 'http'}://${request.host}`
    : undefined
  // RFC 9512
  reply
    .header('etag', `W/"${form}-${document.digest(address)}"`)
    .type(form === 'json' ? 'application/json; charset=utf-8' : 'application/yaml; charset=utf-8')
  return document[form](address)
}

/** The schemes that are configured and that OpenAPI has a word for. */
function securitySchemes(
  { authSchemes, config }: FastifyInstance,
  { components = {} }: GatewayDocument,
): Record<string, object> {
  const { issuer = [], issuers = [] } = config.jwt ?? {}
  const known = [...[issuer].flat(), ...issuers.map((each) => each.issuer)]
  return Object.fromEntries(
    [...authSchemes.values()].flatMap(({ name, security }) =>
      security
        ? [
            [
              name,
              withHint(name, security, components.securitySchemes?.[name]?.description, name === 'jwt' ? known : []),
            ],
          ]
        : [],
    ),
  )
}
