import { createHash } from 'node:crypto'
import { type BigIntStats, readFileSync, statSync } from 'node:fs'

/** Larger files are compared byte by byte: parsing two versions would take longer than starting a gateway. */
const MOST_PARSED = 1024 * 1024
/**
 * File systems have coarse clocks: a file written less than this many milliseconds ago can be written again without a
 * change of its modification time.
 */
const FRESH = 2000

/** The state of a file at one moment. */
interface Version {
  /** Tells without reading whether the file is still this version; undefined while that cannot be told. */
  stamp: string | undefined
  digest: string
  /** Absent for large and for unreadable files. */
  content?: Buffer
  /** When it was last written or renamed, in milliseconds since 1970; 0 when there is no file. */
  writtenAt: number
}

/** The state of files at one moment, by path. */
export type Snapshot = ReadonlyMap<string, Version>

/** @param before  an earlier snapshot; files not written since then are not read again */
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

/** Whether both snapshots contain the same files with the same meaning. */
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
