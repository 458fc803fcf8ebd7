import { BootProblems } from '../../errors.ts'
import { OperationDiff, type OperationChange } from './operation-diff.ts'
import { SchemaDiff } from './schema-diff.ts'
import { TooComplex } from './schema-view.ts'
import type { ApiDocument, ApiOperation } from '../../schema/types.ts'

/** A change of an API that breaks existing clients, or may break them. */
export interface ApiChange {
  /** Name of the kind of change. */
  rule: string
  /** `breaking`, or `unsure` when only a person can decide. */
  level: 'breaking' | 'unsure'
  /** All operations that are affected: `GET /orders/{id}`. */
  operations: string[]
  /** Part of the first of them, and the place in the value: `response 200 application/json: [].item`. */
  part: string
  message: string
  /** File and line of the first operation in the new document; in the old one when it was removed. */
  where: string
  /** JSON pointers in the two documents; `after` is null when the part was removed. */
  before: string
  after: string | null
}

/** Method and path without parameter names, which clients do not see. */
const address = ({ method, path }: ApiOperation): string => `${method} ${path.replaceAll(/\{[^{}]*\}/g, '{}')}`

/**
 * Finds the changes between two documents that break clients, in the order of the old document. A change in a shared
 * schema is reported once, with all its operations.
 * @throws BootProblems when a document has too many alternatives to be compared
 */
export function apiChanges(before: ApiDocument, after: ApiDocument): ApiChange[] {
  const current = new Map(after.operations.map((operation) => [address(operation), operation]))
  const diff = new OperationDiff(before, after, new SchemaDiff(before.root, after.root))
  const changes = new Map<string, ApiChange>()
  for (const old of before.operations) {
    const name = `${old.method} ${old.path}`
    const now = current.get(address(old))
    if (now === undefined) {
      changes.set(name, {
        rule: 'operation-removed',
        level: 'breaking',
        operations: [name],
        part: '',
        message: 'the operation is removed: clients that call it are answered 404 or 405',
        where: old.where,
        before: old.pointer,
        after: null,
      })
      continue
    }
    for (const change of compared(diff, old, now, after.name)) {
      const key = `${change.direction} ${change.rule} ${change.before} ${change.after} ${change.message}`
      const known = changes.get(key)
      if (known === undefined) changes.set(key, apiChange(change, name, now))
      else if (!known.operations.includes(name)) known.operations.push(name)
    }
  }
  return [...changes.values()]
}

function compared(diff: OperationDiff, old: ApiOperation, now: ApiOperation, file: string): OperationChange[] {
  try {
    return diff.changes(old, now)
  } catch (error) {
    if (error instanceof TooComplex) {
      throw new BootProblems([{ file, field: `${now.method} ${now.path}`, message: error.message }])
    }
    throw error
  }
}

function apiChange(
  { rule, breaks, part, path, message, before, after }: OperationChange,
  operation: string,
  { where }: ApiOperation,
): ApiChange {
  return {
    rule,
    level: breaks ? 'breaking' : 'unsure',
    operations: [operation],
    part: path === '' ? part : `${part}: ${path.replace(/^\./, '')}`,
    message,
    where,
    before,
    after,
  }
}
