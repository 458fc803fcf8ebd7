import type { ApiKeyEntry } from '../auth/api-key/api-key-schema.ts'

/** Where `gatehouse key` keeps keys. */
export interface KeyStorage {
  /** Its name in messages. */
  readonly shownAs: string
  list(): Promise<ApiKeyEntry[]>
  add(entry: ApiKeyEntry): Promise<void>
  remove(entries: readonly ApiKeyEntry[]): Promise<void>
  close(): Promise<void>
}
