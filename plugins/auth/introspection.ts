import fp from 'fastify-plugin'
import { IdentityClient, identityUrl } from '../../src/auth/identity-client.ts'
import { IntrospectionScheme, tokenIntrospection } from '../../src/auth/introspection/introspection-scheme.ts'
import { milliseconds } from '../../src/units.ts'

/** Opaque bearer tokens, which an authorization server checks. */
export default fp(
  async (app) => {
    const settings = app.config.introspection
    if (!settings) return
    await app.addAuthScheme('introspection', () => {
      const url = identityUrl(settings.url, 'introspection.url')
      const client = new IdentityClient(milliseconds(settings.timeout))
      app.addHook('onClose', () => client.close())
      return new IntrospectionScheme(settings, tokenIntrospection(settings, url, client))
    })
  },
  { name: 'introspection', dependencies: ['auth-schemes'] },
)
