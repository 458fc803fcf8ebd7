import type { VerificationKey } from './verification-key.ts'

/** Where the keys of an issuer are. */
export interface KeySource {
  /**
   * The keys, which have to be fetched first when none are known yet.
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when they cannot be got
   */
  current(): readonly VerificationKey[] | Promise<readonly VerificationKey[]>
  /**
   * The keys as they are now, for a token that none of the known ones was named for.
   * @returns null when there cannot be others
   * @throws GatehouseError `GW_AUTH_UNAVAILABLE` when nobody can say
   */
  renewed?(): Promise<readonly VerificationKey[]> | null
}

/** Keys that are replaced as a whole. */
export class KeySet implements KeySource {
  #keys: readonly VerificationKey[]

  constructor(keys: readonly VerificationKey[] = []) {
    this.#keys = keys
  }

  current(): readonly VerificationKey[] {
    return this.#keys
  }

  /**
   * Takes these keys for those before. What was verified with a key that is still there goes on counting.
   * @returns whether anything has changed
   */
  replace(keys: readonly VerificationKey[]): boolean {
    const before = new Map(this.#keys.map((key) => [identityOf(key), key]))
    const after = keys.map((key) => before.get(identityOf(key)) ?? key)
    const gone = this.#keys.filter((key) => !after.includes(key))
    for (const key of gone) key.retired = true
    const changed = gone.length > 0 || after.some((key) => !this.#keys.includes(key))
    this.#keys = after
    return changed
  }
}

const identityOf = ({ key, kid, algorithms }: VerificationKey): string =>
  JSON.stringify([kid, algorithms, typeof key === 'string' ? key : key.toString('base64')])
