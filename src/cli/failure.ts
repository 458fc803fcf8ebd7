import { debuglog } from 'node:util'
import { BootProblems } from '../errors.ts'

/** A failure whose message is a complete explanation, so that no stack trace is printed. */
export class CommandFailure extends Error {}

const debug = debuglog('gatehouse')
const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ')

/** The error as readable lines: one line per problem, never a stack trace. */
export function failureLines(error: unknown): string[] {
  if (error instanceof BootProblems) {
    return error.problems.map(({ file, field, message }) =>
      oneLine([file, field, message].filter((part) => part !== '').join(': ')),
    )
  }
  if (error instanceof CommandFailure) return [`gatehouse: ${oneLine(error.message)}`]
  debug('%o', error)
  const text = error instanceof Error ? error.message || error.name : String(error)
  return [`gatehouse: failed unexpectedly: ${oneLine(text)} (NODE_DEBUG=gatehouse shows where)`]
}
