import type { ApiKey, ApiKeys } from './api-key.ts'

/** Where keys are looked up, by their index. */
export interface KeyStore {
  /** The key, if it is known at this moment. */
  peek(index: string): ApiKey | undefined
  /**
   * The key, wherever it has to be got from; undefined when there is none.
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when nobody can say
   */
  find(index: string): ApiKey | undefined | Promise<ApiKey | undefined>
}

/** Keys of the configuration and of the keys file, which changes, and then those of another store. */
export class KeyRing implements KeyStore {
  readonly #configured: ApiKeys
  readonly #next: KeyStore | undefined
  #filed: ApiKeys = new Map()

  constructor(configured: ApiKeys, next?: KeyStore) {
    this.#configured = configured
    this.#next = next
  }

  /** Takes these keys for those that the file had before. */
  replace(filed: ApiKeys): void {
    this.#filed = filed
  }

  peek(index: string): ApiKey | undefined {
    return this.#configured.get(index) ?? this.#filed.get(index) ?? this.#next?.peek(index)
  }

  find(index: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    return this.#configured.get(index) ?? this.#filed.get(index) ?? this.#next?.find(index)
  }
}
