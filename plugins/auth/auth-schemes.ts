import fp from 'fastify-plugin'
import type { SchemeName } from '../../src/auth/auth-schema.ts'
import { missingCredentials } from '../../src/auth/challenge.ts'
import type { AuthScheme } from '../../src/auth/scheme.ts'
import { BootProblems } from '../../src/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Adds a configured scheme.
     * @param make  builds it; its BootProblems are reported together with those of the routes
     */
    addAuthScheme(name: SchemeName, make: () => AuthScheme | Promise<AuthScheme>): Promise<void>
  }
}

/** The registry of the configured schemes. */
export default fp(
  async (app) => {
    app.decorate('authSchemes', new Map())
    app.decorate('addAuthScheme', async (name, make) => {
      try {
        app.authSchemes.set(name, await make())
      } catch (error) {
        if (!(error instanceof BootProblems) || !app.hasDecorator('bootProblems')) throw error
        app.bootProblems.push(...error.problems)
        // the boot fails later, but the routes that use the scheme are checked first
        app.authSchemes.set(name, {
          name,
          credentials: {},
          isPresented: () => false,
          authenticate: () => {
            throw missingCredentials([])
          },
        })
      }
    })
  },
  { name: 'auth-schemes' },
)
