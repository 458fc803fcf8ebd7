import type { TestContext } from 'node:test'
import pino from 'pino'
import type { FastifyInstance } from 'fastify'

/** What a gateway has logged. */
export interface CapturedLog {
  lines: Record<string, unknown>[]
  /** Resolves with the first line that has this message. */
  next: (message: string) => Promise<Record<string, unknown>>
}

/** Takes the place of the output of a gateway's logger, whose level must let lines through, and gathers its lines. */
export function captureLog(t: TestContext, app: FastifyInstance): CapturedLog {
  const lines: Record<string, unknown>[] = []
  const waiting: (() => void)[] = []
  const stream = (app.log as unknown as Record<symbol, { write(line: string): void }>)[
    pino.symbols.streamSym as never
  ] as { write(line: string): void }
  t.mock.method(stream, 'write', (line: string) => {
    lines.push(JSON.parse(line))
    for (const wake of waiting.splice(0)) wake()
  })
  const next = async (message: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const found = lines.find((line) => line.msg === message)
      if (found) return found
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  return { lines, next }
}
