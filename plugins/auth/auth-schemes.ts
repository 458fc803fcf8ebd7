import fp from 'fastify-plugin'
import type { SchemeName } from '../../src/auth/auth-schema.ts'
import { missingCredentials } from '../../src/auth/challenge.ts'
import type { AuthScheme } from '../../src/auth/scheme.ts'
import { BootProblems } from '../../src/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Enters a scheme that is configured.
     * @param make  makes it; its BootProblems are told together with those of the routes
     */
    addAuthScheme(name: SchemeName, make: () => AuthScheme | Promise<AuthScheme>): Promise<void>
  }
}

/** The place where every scheme that is configured is entered. */
export default fp(
  async (app) => {
    app.decorate('authSchemes', new Map())
    app.decorate('addAuthScheme', async (name, make) => {
      try {
        app.authSchemes.set(name, await make())
      } catch (error) {
        if (!(error instanceof BootProblems) || !app.hasDecorator('bootProblems')) throw error
        app.bootProblems.push(...error.problems)
        // the boot is lost, but the routes that ask for the scheme are still to be looked at
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
