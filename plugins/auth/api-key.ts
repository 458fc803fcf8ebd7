import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { type ApiKey, type ApiKeys, compileApiKeys } from '../../src/auth/api-key/api-key.ts'
import { ApiKeyEntry, ApiKeyList, type ApiKeySettings } from '../../src/auth/api-key/api-key-schema.ts'
import { ApiKeyScheme } from '../../src/auth/api-key/api-key-scheme.ts'
import { KeyRing, type KeyRedis, RedisKeys } from '../../src/auth/api-key/api-key-store.ts'
import { keepFileLoaded, readCheckedFile } from '../../src/config/checked-file.ts'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { BootProblems, configurationProblem } from '../../src/errors.ts'
import { milliseconds } from '../../src/units.ts'

/** API keys, of the configuration, of a keys file that is watched, and of Redis. */
export default fp(
  async (app) => {
    const { apiKeys: settings, redis } = app.config
    if (!settings) return
    await app.addAuthScheme('apiKey', () => {
      refuseContradictions(settings, redis !== undefined)
      const ring = new KeyRing(
        compileApiKeys(settings.keys ?? [], 'configuration', 'apiKeys.keys'),
        settings.redis ? sharedKeys(app, settings) : undefined,
      )
      if (settings.file !== undefined) {
        keepFileLoaded(app, settings.file, (path, name) =>
          ring.replace(compileApiKeys(readCheckedFile(path, name, ApiKeyList), name)),
        )
      }
      return new ApiKeyScheme(settings, ring)
    })
  },
  { name: 'api-key', dependencies: ['auth-schemes'] },
)

const sharedKeys = (app: FastifyInstance, { refreshAfter, outageGrace }: ApiKeySettings): RedisKeys =>
  new RedisKeys({
    // the connection is made by the rate limits, which are registered later
    redis: () => app.redis as KeyRedis | null,
    read: (text) =>
      readEntry(text, (problems) => app.log.error({ problems }, 'an API key in Redis is not good and is refused')),
    refreshMs: milliseconds(refreshAfter),
    graceMs: milliseconds(outageGrace),
  })

function refuseContradictions({ header, query, cookie, keys, file, redis }: ApiKeySettings, hasRedis: boolean): void {
  const refuse = (field: string, message: string): never => {
    throw configurationProblem(field, message)
  }
  if (header === false && query === undefined && cookie === undefined) {
    refuse('apiKeys.header', 'is false, and there is no other place for a key: name a query parameter or cookie')
  }
  if (keys === undefined && file === undefined && redis !== true) {
    refuse('apiKeys', 'has no keys: state keys, a file of them, or redis: true')
  }
  if (redis && !hasRedis) refuse('apiKeys.redis', 'is true, but there is no Redis: set redis to its URL')
}

function readEntry(text: string, report: (problems: unknown) => void): ApiKey | null {
  try {
    const entry: unknown = JSON.parse(text)
    const problems = checkAgainst(ApiKeyEntry, entry, 'Redis')
    if (problems.length > 0) throw new BootProblems(problems)
    const keys: ApiKeys = compileApiKeys([entry as ApiKeyEntry], 'Redis')
    return [...keys.values()][0]!
  } catch (error) {
    // the message of the parser would quote the entry
    report(error instanceof BootProblems ? error.problems : 'it is not JSON')
    return null
  }
}
