import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, lstat, open, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailure } from '../src/cli/failure.ts'

/** Where the demo keeps the secret that signs its tokens; git ignores it. */
export const SECRET_FILE = '.demo-secret'
const SECRET = /^[0-9a-f]{64}$/
const MODE = 0o600

/** A secret, and what its user should know about it. */
export interface DemoSecret {
  secret: string
  note: string | undefined
}

/**
 * The secret of the demo's tokens. It is made once and kept in a file, so that tokens outlive a restart.
 * @param folder  the folder of the file
 * @throws CommandFailure when there is something else in its place, or the file of another user
 */
export async function demoSecret(folder: string): Promise<DemoSecret> {
  const path = join(folder, SECRET_FILE)
  try {
    const found = await read(path)
    if (found === undefined) return { secret: await keepNew(path), note: undefined }
    if (typeof found === 'string') return { secret: found, note: undefined }
    return {
      secret: await replace(path),
      note: `${SECRET_FILE} ${found.unusable} and was made anew: tokens printed before are no longer valid`,
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    // a folder that cannot be written is no reason against a demo
    return {
      secret: newSecret(),
      note: `${SECRET_FILE} cannot be written (${(error as NodeJS.ErrnoException).code}): the tokens end with this demo`,
    }
  }
}

const newSecret = (): string => randomBytes(32).toString('hex')

/** @returns undefined when there is no file */
async function read(path: string): Promise<string | { unusable: string } | undefined> {
  const entry = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (entry === undefined) return undefined
  // a link could make the demo read or replace a file of somebody's choice
  if (!entry.isFile()) throw new CommandFailure(`${path} is no plain file: remove it, and the demo makes its own`)
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES') {
        throw new CommandFailure(`${path} cannot be read: remove it, and the demo makes its own`)
      }
      throw error
    },
  )
  try {
    const { uid, mode } = await file.stat()
    if (process.getuid && uid !== process.getuid()) {
      throw new CommandFailure(`${path} belongs to another user: remove it, and the demo makes its own`)
    }
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) return { unusable: 'could be read by others' }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(100), 0, 100, 0)
    const text = buffer.toString('latin1', 0, bytesRead).trim()
    return SECRET.test(text) ? text : { unusable: 'held no secret of the demo' }
  } finally {
    await file.close()
  }
}

/** Keeps a new secret, or returns that of a demo that was faster. */
async function keepNew(path: string): Promise<string> {
  return written(path, async (draft, secret) => {
    try {
      // complete from the first moment on, and never over another one
      await link(draft, path)
      return secret
    } catch (error) {
      const found = (error as NodeJS.ErrnoException).code === 'EEXIST' ? await read(path) : undefined
      if (typeof found !== 'string') throw error
      return found
    } finally {
      await unlink(draft)
    }
  })
}

const replace = (path: string): Promise<string> =>
  written(path, async (draft, secret) => {
    await rename(draft, path)
    return secret
  })

/** Writes a new secret into a file beside the one that it is for. */
async function written(path: string, place: (draft: string, secret: string) => Promise<string>): Promise<string> {
  const secret = newSecret()
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, `${secret}\n`, { mode: MODE, flag: 'wx' })
  return place(draft, secret)
}
