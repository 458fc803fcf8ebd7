import fp from 'fastify-plugin'
import type { ForwardAuthSettings } from '../../src/auth/forward-auth/forward-auth-schema.ts'
import { withoutParameters } from '../../src/auth/credentials.ts'
import { ForwardAuthScheme } from '../../src/auth/forward-auth/forward-auth-scheme.ts'
import { IdentityClient, identityUrl } from '../../src/auth/identity-client.ts'
import { BootProblems } from '../../src/errors.ts'
import { hasDestination, shownDestination } from '../../src/proxy/destination.ts'
import { FORWARDED_NAMES, ForwardedHeaders } from '../../src/proxy/forwarded-headers.ts'
import { HOP_BY_HOP } from '../../src/proxy/hop-by-hop.ts'
import { isProxyClaim } from '../../src/proxy/request-headers.ts'
import { milliseconds } from '../../src/units.ts'
import { publicTarget } from '../../src/routing/host-router.ts'

/** Headers that are about one message, or that the gateway itself states. */
const NOT_TO_BE_COPIED = new Set([
  ...HOP_BY_HOP,
  ...FORWARDED_NAMES,
  'host',
  'content-length',
  'expect',
  'via',
  'x-request-id',
])

/** An external service that decides about each request. */
export default fp(
  async (app) => {
    const settings = app.config.forwardAuth
    if (!settings) return
    await app.addAuthScheme('forwardAuth', () => {
      refuseMessageHeaders(settings)
      const url = identityUrl(settings.url, 'forwardAuth.url')
      const client = new IdentityClient(milliseconds(settings.timeout))
      app.addHook('onClose', () => client.close())
      const { credentialRemoval: withheld } = app
      const forwarded = new ForwardedHeaders(app.config.trustProxy, app.config.via)
      return new ForwardAuthScheme(settings, {
        url,
        client,
        hasDestination,
        publicTarget: (target) => withoutParameters(publicTarget(target), withheld.queryHiddenFromService),
        shown: (name, value, { headers, raw: { socket, url } }) => {
          if (name === 'destination') {
            return value === undefined
              ? undefined
              : socket
                ? shownDestination(String(value), { headers, socket, url }, forwarded)
                : value
          }
          return isProxyClaim(name) && !(socket && forwarded.trusts(socket))
            ? undefined
            : withheld.shownToService(name, value)
        },
      })
    })
  },
  { name: 'forward-auth', dependencies: ['auth-schemes'] },
)

function refuseMessageHeaders(settings: ForwardAuthSettings): void {
  const problems = (['requestHeaders', 'copyHeaders'] as const).flatMap((list) =>
    settings[list].flatMap((name, i) =>
      NOT_TO_BE_COPIED.has(name.toLowerCase())
        ? [
            {
              file: 'configuration',
              field: `forwardAuth.${list}[${i}]`,
              message: `found "${name}", which belongs to one message or is stated by the gateway itself: leave it out`,
            },
          ]
        : [],
    ),
  )
  if (problems.length > 0) throw new BootProblems(problems)
}
