import type { ClaimCondition, Consumer, Requirement } from './auth-schema.ts'

/** Whether a consumer has what a route requires. */
export type MeetsRequirement = (consumer: Consumer) => boolean

/** Compiles a requirement; null when nothing is required. */
export function compileRequirement({ scopes = [], groups = [], claims = {} }: Requirement): MeetsRequirement | null {
  const checks: MeetsRequirement[] = []
  if (scopes.length > 0) checks.push(({ scopes: held }) => scopes.every((scope) => held.includes(scope)))
  if (groups.length > 0) checks.push(({ groups: held }) => groups.some((group) => held.includes(group)))
  for (const [claim, condition] of Object.entries(claims)) {
    const path = claim.split('.')
    const meets = compileCondition(condition)
    checks.push((consumer) => meets(claimAt(consumer.claims, claim, path)))
  }
  if (checks.length === 0) return null
  return checks.length === 1 ? checks[0]! : (consumer) => checks.every((check) => check(consumer))
}

function compileCondition(condition: ClaimCondition): (value: unknown) => boolean {
  if (typeof condition !== 'object') return (value) => value === condition
  const { equals, in: list, contains } = condition
  if (equals !== undefined) return (value) => value === equals
  if (list !== undefined) return (value) => (list as unknown[]).includes(value)
  // of a list one item; of a text one word, as scopes are written
  return (value) =>
    Array.isArray(value)
      ? value.includes(contains)
      : typeof value === 'string' && value.split(' ').includes(String(contains))
}

/**
 * A claim by its name, or by a path of names with dots between.
 * @param claim  the whole name, which is looked for first: `https://example.com/org` is one name
 */
export function claimAt(claims: Readonly<Record<string, unknown>>, claim: string, path: readonly string[]): unknown {
  if (Object.hasOwn(claims, claim)) return claims[claim]
  let value: unknown = claims
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}
