import { relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { stringify } from 'yaml'
import { ApiKeyList, type ApiKeyEntry } from '../auth/api-key/api-key-schema.ts'
import { compileApiKeys } from '../auth/api-key/api-key.ts'
import { newKey } from '../auth/api-key/api-key-hash.ts'
import { hashPassword } from '../auth/basic/password-hash.ts'
import { checkAgainst, mistakes } from '../config/schema-check.ts'
import { BootProblems } from '../errors.ts'
import { Duration, milliseconds } from '../units.ts'
import { CommandFailure } from './failure.ts'
import type { KeyStorage } from './key-file.ts'

export interface StorageOptions {
  config?: string
  file?: string
}

export interface NewKeyOptions extends StorageOptions {
  name: string
  scopes: string[]
  groups: string[]
  expires?: string
  addresses: string[]
}

const say = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

/** `gatehouse key create`: prints the key, and nothing else, on standard output. It cannot be shown again. */
export async function createKey({
  name,
  scopes,
  groups,
  expires,
  addresses,
  ...where
}: NewKeyOptions): Promise<number> {
  const { key, id, sha256 } = newKey()
  const optional = Object.entries({ scopes, groups, addresses }).filter(([, list]) => list.length > 0)
  const entry: ApiKeyEntry = {
    name,
    id,
    sha256,
    ...Object.fromEntries(optional),
    ...(expires === undefined ? {} : { expires: expiry(expires) }),
  }
  refuseMistakes(entry)
  const storage = await keyStorage(where)
  if (storage === null) {
    say(
      `Put this under apiKeys.keys of the configuration, or into a file of apiKeys.file:\n${stringify([entry], { lineWidth: 0 }).trimEnd()}\nThe key, shown this once:`,
    )
  } else {
    await using(storage, () => storage.add(entry))
    say(`Stored in ${storage.shownAs} as ${name} (${id}). The key, shown this once:`)
  }
  process.stdout.write(`${key}\n`)
  return 0
}

/** Parses a duration from now, or a date or time. */
function expiry(text: string): string {
  if (mistakes(Duration({ most: Number.MAX_SAFE_INTEGER, description: 'lifetime' }), text).length > 0) return text
  return new Date(Date.now() + milliseconds(text)).toISOString()
}

function refuseMistakes(entry: ApiKeyEntry): void {
  const file = 'gatehouse key create'
  try {
    const problems = checkAgainst(ApiKeyList, [entry], file)
    if (problems.length > 0) throw new BootProblems(problems)
    compileApiKeys([entry], file)
  } catch (error) {
    if (!(error instanceof BootProblems)) throw error
    throw new BootProblems(
      error.problems.map((problem) => ({ ...problem, field: problem.field.replace('[0].', '--') })),
    )
  }
}

/** `gatehouse key list`: lists all stored keys, without their hashes. */
export async function listKeys(options: StorageOptions): Promise<number> {
  const storage = await stored(options)
  const entries = await using(storage, () => storage.list())
  const rows = entries.map(({ name, id = '-', scopes = [], groups = [], expires, addresses = [] }) => [
    name,
    id,
    scopes.join(',') || '-',
    groups.join(',') || '-',
    addresses.join(',') || 'any',
    expires === undefined ? 'never' : Date.parse(expires) <= Date.now() ? `${expires} (expired)` : expires,
  ])
  const table = [['NAME', 'ID', 'SCOPES', 'GROUPS', 'ADDRESSES', 'EXPIRES'], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  process.stdout.write(
    table
      .map(
        (row) =>
          `${row
            .map((text, column) => text.padEnd(widths[column]!))
            .join('  ')
            .trimEnd()}\n`,
      )
      .join(''),
  )
  return 0
}

/** `gatehouse key revoke`: removes all keys with a name, or the one key with an id. */
export async function revokeKeys(which: string, options: StorageOptions): Promise<number> {
  const storage = await stored(options)
  return using(storage, async () => {
    const entries = await storage.list()
    // an id is exact; a name that looks like another key's id must not take that along
    const withId = entries.filter(({ id }) => id === which)
    const doomed = withId.length > 0 ? withId : entries.filter(({ name }) => name === which)
    if (doomed.length === 0) {
      throw new CommandFailure(`${storage.shownAs} has no key with the name or id ${JSON.stringify(which)}`)
    }
    await storage.remove(doomed)
    for (const { name, id } of doomed) {
      say(`Revoked ${name}${id === undefined ? '' : ` (${id})`} in ${storage.shownAs}.`)
    }
    return 0
  })
}

/** `gatehouse key hash`: prints the hash of a password for `basic`, and nothing else, on standard output. */
export async function hashOfPassword(): Promise<number> {
  process.stdout.write(`${await hashPassword(await readPassword())}\n`)
  return 0
}

/**
 * The key storage: the given file, else the key file of the configuration, else Redis; null when none is configured.
 */
async function keyStorage({ config: configFile, file }: StorageOptions): Promise<KeyStorage | null> {
  const { KeyFile } = await import('./key-file.ts')
  if (file !== undefined) return new KeyFile(resolve(file), file)
  const { quietConfig } = await import('./command-config.ts')
  const { apiKeys, redis, baseDir } = await quietConfig({ config: configFile })
  if (apiKeys?.file !== undefined) {
    const path = resolve(baseDir, apiKeys.file)
    return new KeyFile(path, relative(process.cwd(), path))
  }
  if (!apiKeys?.redis || redis === undefined) return null
  const { RedisKeyStorage } = await import('./redis-key-storage.ts')
  return RedisKeyStorage.connect(redis)
}

async function stored(options: StorageOptions): Promise<KeyStorage> {
  const storage = await keyStorage(options)
  if (storage === null) {
    throw new CommandFailure(
      'the configuration has neither a file of keys (apiKeys.file) nor Redis (apiKeys.redis): set one, or choose a file with --file',
    )
  }
  return storage
}

async function using<T>(storage: KeyStorage, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    await storage.close()
  }
}

/** Maximum length of a password, in bytes. */
const LONGEST = 1024

/** Reads a password: the first line of standard input. A terminal does not show it while it is typed. */
async function readPassword(): Promise<string> {
  const { stdin, stderr } = process
  const terminal = stdin.isTTY === true
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output: silent, terminal })
  if (terminal) stderr.write('Password: ')
  try {
    const password = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('close', () => resolve(''))
      lines.once('SIGINT', () => reject(new CommandFailure('interrupted')))
    })
    if (password === '') throw new CommandFailure('there is no password: type one, or send it to standard input')
    if (Buffer.byteLength(password) > LONGEST) throw new CommandFailure(`the password is longer than ${LONGEST} bytes`)
    // eslint-disable-next-line no-control-regex
    if (/[\x00-\x1F\x7F]/.test(password)) {
      throw new CommandFailure(
        'the password has a control character, which HTTP Basic cannot send (RFC 7617, section 2)',
      )
    }
    return password
  } finally {
    if (terminal) stderr.write('\n')
    lines.close()
  }
}
