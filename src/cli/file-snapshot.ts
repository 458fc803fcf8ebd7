import { createHash } from 'node:crypto'
import { type BigIntStats, readFileSync, statSync } from 'node:fs'

/** Larger files are compared byte by byte: to parse two versions of one takes longer than to start a gateway. */
const MOST_PARSED = 1024 * 1024
/**
 * Clocks of file systems are coarse: a file that was written this short a time ago may be written again with the same
 * time. Milliseconds.
 */
const FRESH = 2000

/** A file at one moment. */
interface Version {
  /** Tells without reading whether the file is still this version; undefined while that cannot be told. */
  stamp: string | undefined
  digest: string
  /** Absent for large files, and for those that cannot be read. */
  content?: Buffer
  /** When it was written last, or got its name. Milliseconds since 1970; 0 for no file. */
  writtenAt: number
}

/** Files at one moment, by their paths. */
export type Snapshot = ReadonlyMap<string, Version>

/** @param before  an earlier snapshot; what has not been written since is not read again */
export function takeSnapshot(paths: Iterable<string>, before: Snapshot = new Map()): Snapshot {
  return new Map([...paths].map((path) => [path, versionOf(path, before.get(path))]))
}

function versionOf(path: string, before: Version | undefined): Version {
  try {
    const stats = statSync(path, { bigint: true })
    const stamp = stampOf(stats)
    if (before !== undefined && before.stamp === stamp) return before
    const content = readFileSync(path)
    const writtenAt = Number(stats.ctimeMs)
    return {
      stamp: Date.now() - writtenAt < FRESH ? undefined : stamp,
      digest: createHash('sha256').update(content).digest('base64'),
      ...(content.length <= MOST_PARSED && { content }),
      writtenAt,
    }
  } catch (error) {
    return { stamp: undefined, digest: `unreadable: ${(error as NodeJS.ErrnoException).code}`, writtenAt: 0 }
  }
}

const stampOf = ({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string => `${ino} ${size} ${mtimeNs} ${ctimeNs}`

/** Whether all files declare what they did before; a file more or less is a difference. */
export async function sameDeclarations(before: Snapshot, after: Snapshot): Promise<boolean> {
  if (before.size !== after.size) return false
  for (const [path, { digest, content }] of after) {
    const old = before.get(path)
    if (old === undefined) return false
    if (old.digest === digest) continue
    if (old.content === undefined || content === undefined) return false
    const { sameMeaning } = await import('./file-meaning.ts')
    if (!sameMeaning(path, old.content, content)) return false
  }
  return true
}
