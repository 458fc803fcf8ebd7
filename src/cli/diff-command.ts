import type { SchemaObject } from '../schema/json-schema.ts'
import { apiChanges, type ApiChange } from '../openapi/diff/document-diff.ts'
import { readOperations } from '../openapi/operation-reader.ts'
import type { ApiDocument } from '../schema/types.ts'
import type { ConfigOptions } from './command-config.ts'
import { CommandFailure } from './failure.ts'
import { givenDocument } from './given-document.ts'
import { gatewayPortal } from './openapi-command.ts'

/** The number of operations named in a line; further ones are only counted. */
const NAMED = 3

/**
 * `gatehouse openapi --diff`: lists the changes between two documents (files or URLs) that break clients. With one
 * document, compares it with the document that the gateway has now.
 * @returns exit code 1 when there is a breaking change
 */
export async function diff(
  documents: readonly string[],
  { json = false, ...options }: ConfigOptions & { json?: boolean },
): Promise<number> {
  if (documents.length > 2) {
    throw new CommandFailure(`--diff takes the document before and the one after, found ${documents.length}`)
  }
  const before = await givenDocument(documents[0]!)
  const after =
    documents.length === 2
      ? await givenDocument(documents[1]!)
      : ownDocument((await gatewayPortal(options)).whole.value)
  const changes = apiChanges(before, after)
  const breaking = changes.filter(({ level }) => level === 'breaking').length
  if (json) {
    process.stdout.write(`${JSON.stringify({ before: before.name, after: after.name, breaking, changes }, null, 2)}\n`)
  } else {
    process.stdout.write(
      [...changes.map(line), summary(breaking, changes.length - breaking)].map((text) => `${text}\n`).join(''),
    )
  }
  return breaking > 0 ? 1 : 0
}

function line({ level, operations, part, message, where, before, after }: ApiChange): string {
  const more = operations.length - NAMED
  const names = operations.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
  return [level, where, names, ...(part === '' ? [] : [part]), `${message} (#${after ?? before})`]
    .join(': ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
}

function summary(breaking: number, unsure: number): string {
  const count = (number: number, kind: string): string => `${number} ${kind} change${number === 1 ? '' : 's'}`
  return unsure === 0 ? count(breaking, 'breaking') : `${count(breaking, 'breaking')}, ${count(unsure, 'unsure')}`
}

/** The gateway's own document. The other documents are converted to its form. */
function ownDocument(root: SchemaObject): ApiDocument {
  const name = 'the gateway'
  return {
    name,
    version: String(root.openapi),
    root,
    notes: [],
    operations: readOperations(root).map((operation) => ({ ...operation, where: name })),
  }
}
