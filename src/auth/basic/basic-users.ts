import { BootProblems, type Problem } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import type { BasicUser } from './basic-schema.ts'
import { parsePasswordHash, type PasswordHash } from './password-hash.ts'

/** A user as passwords are held against it. */
export interface KnownUser {
  hash: PasswordHash
  consumer: Consumer
}

/**
 * Makes users of entries that their schema has accepted, by their names.
 * @param file  where they stand, for the messages
 * @param at    field of the list in it, such as `basic.users`
 * @throws BootProblems with everything that is wrong
 */
export function compileUsers(entries: readonly BasicUser[], file: string, at = ''): ReadonlyMap<string, KnownUser> {
  const problems: Problem[] = []
  const users = new Map<string, KnownUser>()
  const names = new Set<string>()
  for (const [i, { name: given, password, scopes = [], groups = [] }] of entries.entries()) {
    const name = given.normalize('NFC')
    if (names.has(name)) {
      problems.push({
        file,
        field: `${at}[${i}].name`,
        message: `found ${JSON.stringify(name)} a second time: give each user once`,
      })
    }
    names.add(name)
    const hash = parsePasswordHash(password)
    if (typeof hash === 'string') problems.push({ file, field: `${at}[${i}].password`, message: hash })
    else {
      const consumer = {
        id: name,
        scheme: 'basic' as const,
        scopes: Object.freeze([...scopes]),
        groups: Object.freeze([...groups]),
        claims: Object.freeze({ name }),
      }
      users.set(name, { hash, consumer: Object.freeze(consumer) })
    }
  }
  if (problems.length > 0) throw new BootProblems(problems)
  return users
}
