import jwt, { type FastifyJWTOptions } from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { IdentityClient, identityUrl } from '../../src/auth/identity-client.ts'
import { discoverJwkSet, fetchJwkSet, RemoteKeys } from '../../src/auth/jwt/jwks-refresh.ts'
import { type IssuerForm, issuerForms } from '../../src/auth/jwt/jwt-issuers.ts'
import { type KeyReading, readJwkSet, readKeyText } from '../../src/auth/jwt/jwk-set.ts'
import { JwtScheme } from '../../src/auth/jwt/jwt-scheme.ts'
import type { JwtSettings } from '../../src/auth/jwt/jwt-schema.ts'
import { refuseJwt, UnusableKey } from '../../src/auth/jwt/key-algorithms.ts'
import { KeySet, type KeySource, verificationKey } from '../../src/auth/jwt/verification-key.ts'
import {
  RedisRevocations,
  type RevocationRedis,
  RevocationList,
  type Revocations,
  RevocationEntries,
} from '../../src/auth/jwt/token-revocation.ts'
import { TokenVerifier } from '../../src/auth/jwt/token-verifier.ts'
import { keepFileLoaded, readCheckedFile, readText } from '../../src/config/checked-file.ts'
import { BootProblems } from '../../src/errors.ts'
import { milliseconds } from '../../src/units.ts'

/**
 * Bearer tokens, verified by the `verify` of @fastify/jwt: signature, times, issuer, audience and type. It is given the
 * key and rules of the issuer with each token, since the plugin itself has only one secret and one set of rules, and
 * its `jwtVerify` cannot be asked about a request that is only explained.
 */
export default fp(
  async (app) => {
    const settings = app.config.jwt
    if (!settings) return
    // there is no common key: `verify` without a key must fail
    await app.register(jwt, {
      secret: {
        public: async () => {
          throw new Error('state auth on the route: tokens are verified there')
        },
      },
    } as unknown as FastifyJWTOptions)
    await app.addAuthScheme('jwt', () => {
      const issuers = issuerForms(settings).map((form) => ({ ...form, keys: keySource(app, form, settings) }))
      const verifier = new TokenVerifier(issuers, settings, (token, options) => app.jwt.verify(token, options))
      return new JwtScheme(settings, verifier, revocations(app, settings))
    })
  },
  { name: 'jwt', dependencies: ['auth-schemes'] },
)

function keySource(app: FastifyInstance, form: IssuerForm, settings: JwtSettings): KeySource {
  switch (form.keyField) {
    case 'secret':
    case 'publicKey':
      return new KeySet([verificationKey(form, form.at)])
    case 'keys':
      return typeof form.keys === 'string' ? filedKeys(app, form, form.keys) : inlineKeys(form)
    default:
      return remoteKeys(app, form, settings)
  }
}

function inlineKeys(form: IssuerForm): KeySource {
  const { keys, ignored } = orRefuse(() => readJwkSet(form.keys, form), 'configuration', `jwt${form.at}.keys`)
  if (ignored.length > 0) refuseJwt(`${form.at}.keys`, ignored.join('; '))
  return new KeySet(keys)
}

/** The keys of a file, which is watched for changes. */
function filedKeys(app: FastifyInstance, form: IssuerForm, file: string): KeySource {
  const set = new KeySet()
  keepFileLoaded(app, file, (path, name) => {
    const { keys, ignored } = orRefuse(() => readKeyText(readText(path, name), { ...form, secrets: true }), name, '')
    if (keys.length === 0) {
      throw new BootProblems([
        { file: name, field: '', message: `has no key that can be used: ${ignored.join('; ') || 'it is empty'}` },
      ])
    }
    if (ignored.length > 0) app.log.warn({ file: name, ignored }, 'some keys of the file are of no use')
    set.replace(keys)
  })
  return set
}

/** The keys that an issuer publishes. They are fetched when the gateway listens, or for the first token. */
function remoteKeys(
  app: FastifyInstance,
  form: IssuerForm,
  { refreshInterval, refreshCooldown, timeout }: JwtSettings,
): KeySource {
  const client = new IdentityClient(milliseconds(timeout))
  const url =
    form.keyField === 'jwksUri'
      ? identityUrl(form.jwksUri!, `jwt${form.at}.jwksUri`)
      : identityUrl(form.issuer as string, `jwt${form.at}.issuer`)
  const keys = new RemoteKeys({
    name: [form.issuer ?? url.origin].flat().join(', '),
    fetchKeys:
      form.keyField === 'jwksUri' ? fetchJwkSet(url, client) : discoverJwkSet(url, form.issuer as string, client),
    read: (document) => readJwkSet(document, form),
    refreshMs: Math.max(milliseconds(refreshInterval), 1000),
    cooldownMs: milliseconds(refreshCooldown),
    log: app.log,
  })
  app.addHook('onListen', async () => keys.start())
  app.addHook('onClose', async () => {
    keys.stop()
    await client.close()
  })
  return keys
}

function revocations(app: FastifyInstance, { revocation }: JwtSettings): Revocations[] {
  if (revocation === undefined) return []
  const { file, redis, refreshAfter, onFailure } = revocation
  const lists: Revocations[] = []
  if (file !== undefined) {
    const list = new RevocationList()
    keepFileLoaded(app, file, (path, name) => list.replace(readCheckedFile(path, name, RevocationEntries)))
    lists.push(list)
  }
  if (redis) {
    if (app.config.redis === undefined) {
      refuseJwt('.revocation.redis', 'is true, but there is no Redis: set redis to its URL')
    }
    // the connection is made by the rate limits, which are registered later
    lists.push(
      new RedisRevocations({
        redis: () => app.redis as RevocationRedis | null,
        freshMs: milliseconds(refreshAfter),
        onFailure,
        log: app.log,
      }),
    )
  }
  if (lists.length === 0) refuseJwt('.revocation', 'has no revocations: state a file of them, or redis: true')
  return lists
}

function orRefuse(read: () => KeyReading, file: string, field: string): KeyReading {
  try {
    return read()
  } catch (error) {
    if (error instanceof UnusableKey) throw new BootProblems([{ file, field, message: error.message }])
    throw error
  }
}
