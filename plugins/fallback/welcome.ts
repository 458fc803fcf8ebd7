import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { WELCOME_POLICY, welcomeLinks, welcomePage } from '../../src/admin/welcome-page.ts'
import { prefersHtml } from '../../src/listener/problem-page.ts'
import { PAGE_CONTENT_TYPE } from '../../src/listener/page-shell.ts'

/** The page at the address of the gateway, where the configuration wants one and no upstream has a route. */
export default fp(
  async (app) => {
    const { welcome } = app.config
    if (!welcome) return
    const { path, auth } = welcome
    const taken = app.routeTable.find('GET', path, {})
    if (taken !== null) {
      app.log.info(`the welcome page gives way to ${taken.row.file || 'another route'}, which answers at ${path}`)
      return
    }
    const page = welcomePage(app.config)
    const links = welcomeLinks(app.config)
    app.get(path, { exposeHeadRoute: true, config: { auth }, schema: { hide: true } }, (request, reply) => {
      reply.header('cache-control', 'no-store').header('vary', 'Accept')
      if (!prefersHtml(request.headers.accept)) return reply.send(links)
      return reply
        .type(PAGE_CONTENT_TYPE)
        .header('content-security-policy', WELCOME_POLICY)
        .header('x-content-type-options', 'nosniff')
        .serializer(String)
        .send(page)
    })
  },
  { name: 'welcome' },
)
