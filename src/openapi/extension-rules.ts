import { isObject } from '../schema/json-schema.ts'
import { type Mistake, shown } from './document-check.ts'
import type { DocumentNotes } from './document-notes.ts'
import type { Part } from './document-walk.ts'

/** Where extensions for the gateway are read. */
const READ_AT = new Set(['Operation', 'Path', 'PathItem'])

/** What the gateway writes into its own documents, for readers; it asks for nothing. */
const WRITTEN = 'x-gatehouse-errors'

/**
 * Checks the extensions that are meant for the gateway. What stands where nobody reads it would be a limit that is not
 * kept, or an operation that is not hidden.
 */
export function checkExtensions({ kind, value, pointer }: Part, notes: DocumentNotes, mistakes: Mistake[]): void {
  if (READ_AT.has(kind)) {
    const internal: unknown = value['x-internal']
    if (internal !== undefined && typeof internal !== 'boolean') {
      mistakes.push([`${pointer}/x-internal`, `${shown(internal)}, allowed: true or false`])
    }
  }
  const inside = kind === 'Document' ? value.paths : kind === 'Operation' ? value.responses : undefined
  const places: [unknown, string][] = [
    ...(READ_AT.has(kind) ? [] : [[value, pointer] as [unknown, string]]),
    [inside, `${pointer}/${kind === 'Document' ? 'paths' : 'responses'}`],
  ]
  for (const [holder, at] of places) {
    for (const name of Object.keys(isObject(holder) ? holder : {})) {
      if (name.startsWith('x-gatehouse-') && name !== WRITTEN) {
        mistakes.push([
          `${at}/${name}`,
          'stands where the gateway does not read it, allowed: at an operation, or at a path for all of its operations',
        ])
      } else if (name === 'x-internal') {
        notes.add('"x-internal" is read at operations and paths, and ignored elsewhere', `${at}/${name}`)
      }
    }
  }
}
