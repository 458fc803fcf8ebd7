import { once } from 'node:events'
import { type ApiKeyEntry, ApiKeyEntry as EntrySchema } from '../auth/api-key/api-key-schema.ts'
import { indexOf } from '../auth/api-key/api-key-hash.ts'
import { fieldOf, REDIS_KEYS } from '../auth/api-key/api-key-store.ts'
import { checkAgainst } from '../config/schema-check.ts'
import { connectRedis, type RedisConnection } from '../redis/redis-client.ts'
import type { RedisSettings } from '../redis/redis-schema.ts'
import { createLogger } from '../observe/logger.ts'
import { CommandFailure } from './failure.ts'
import type { KeyStorage } from './key-file.ts'

/**
 * Time limit for a Redis command, in milliseconds. No request waits for it. A command that timed out may still be
 * executed.
 */
const PATIENCE = 10_000

/** Stores API keys in Redis: one Redis hash with an entry for each key. */
export class RedisKeyStorage implements KeyStorage {
  readonly shownAs = 'Redis'
  readonly #connection: RedisConnection

  private constructor(connection: RedisConnection) {
    this.#connection = connection
  }

  static async connect(settings: RedisSettings): Promise<RedisKeyStorage> {
    const connection = connectRedis(
      settings,
      createLogger({ level: 'silent', format: 'json', access: false }),
      undefined,
      PATIENCE,
    )
    let reason = 'the connection was closed'
    connection.client.on('error', (error: Error) => {
      reason = error.message || reason
    })
    try {
      const failed = once(connection.client, 'error')
      await Promise.race([
        connection.client.connect(),
        failed.then(() => {
          throw new Error(reason)
        }),
      ])
    } catch {
      connection.close()
      throw new CommandFailure(`Redis cannot be reached: ${reason}`)
    }
    return new RedisKeyStorage(connection)
  }

  /** Invalid entries are skipped; the gateway rejects them as well. */
  async list(): Promise<ApiKeyEntry[]> {
    const texts = await this.#done(this.#connection.client.hvals(REDIS_KEYS))
    return texts.flatMap((text) => {
      try {
        const entry = JSON.parse(text) as ApiKeyEntry
        return checkAgainst(EntrySchema, entry, 'Redis').length === 0 ? [entry] : []
      } catch {
        return []
      }
    })
  }

  async add(entry: ApiKeyEntry): Promise<void> {
    await this.#done(this.#connection.client.hset(REDIS_KEYS, fieldOfEntry(entry), JSON.stringify(entry)))
  }

  async remove(doomed: readonly ApiKeyEntry[]): Promise<void> {
    await this.#done(this.#connection.client.hdel(REDIS_KEYS, ...doomed.map(fieldOfEntry)))
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  async #done<T>(command: Promise<T>): Promise<T> {
    return command.catch((error: Error) => {
      throw new CommandFailure(`Redis has failed: ${error.message}`)
    })
  }
}

const fieldOfEntry = ({ sha256 }: ApiKeyEntry): string => fieldOf(indexOf(Buffer.from(sha256, 'hex')))
