import type { RevocationEntries } from './revocation-schema.ts'
import type { VerifiedToken } from './token-verifier.ts'

/** Tokens that are refused though they are valid. */
export interface Revocations {
  /** Whether a token is among them, as far as that is known; null when it has to be asked. */
  peek(token: VerifiedToken): boolean | null
  /** @throws GatehouseError `GW_AUTH_UNAVAILABLE` when nobody can say */
  ask(token: VerifiedToken): Promise<boolean>
}

/** Whose token it is: the `sub`, and the id of the consumer, which may have the name of the issuer before it. */
export const subjectsOf = ({
  consumer: {
    id,
    claims: { sub },
  },
}: VerifiedToken): string[] => (typeof sub === 'string' && sub !== id ? [sub, id] : [id])

/**
 * Whether a token was issued before a time; one that does not say when counts as old.
 * @param before  milliseconds since 1970
 */
export const isIssuedBefore = (
  {
    consumer: {
      claims: { iat },
    },
  }: VerifiedToken,
  before: number,
): boolean => typeof iat !== 'number' || iat * 1000 < before

/** Revocations of a file, which are replaced as a whole. */
export class RevocationList implements Revocations {
  #tokens: ReadonlySet<string> = new Set()
  /** Milliseconds since 1970 before which the tokens of a subject were issued; Infinity for all. */
  #subjects: ReadonlyMap<string, number> = new Map()

  replace(entries: RevocationEntries): void {
    const subjects = new Map<string, number>()
    for (const entry of entries) {
      if (!('sub' in entry)) continue
      const before = entry.before === undefined ? Infinity : Date.parse(entry.before)
      // a day that the calendar does not have: rather too many than too few
      subjects.set(entry.sub, Math.max(subjects.get(entry.sub) ?? 0, Number.isNaN(before) ? Infinity : before))
    }
    this.#tokens = new Set(entries.flatMap((entry) => ('jti' in entry ? [entry.jti] : [])))
    this.#subjects = subjects
  }

  peek(token: VerifiedToken): boolean {
    const { jti } = token.consumer.claims
    if (typeof jti === 'string' && this.#tokens.has(jti)) return true
    if (this.#subjects.size === 0) return false
    return subjectsOf(token).some((subject) => {
      const before = this.#subjects.get(subject)
      return before !== undefined && isIssuedBefore(token, before)
    })
  }

  async ask(token: VerifiedToken): Promise<boolean> {
    return this.peek(token)
  }
}
