import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError } from '../errors.ts'
import { mockAnswer, prepareExamples } from '../openapi/mock/mock-answer.ts'
import type { MockDeclaration } from '../openapi/mock/mock-schema.ts'
import { readOperations } from '../openapi/operation-reader.ts'
import type { ApiDocument, ApiOperation } from '../schema/types.ts'
import { milliseconds } from '../units.ts'
import type { RouteDeclaration } from '../upstream/declaration-schema.ts'

/** An operation that is answered by a mock. */
interface MockedRoute {
  readonly document: ApiDocument
  readonly operation: ApiOperation
}

const one = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(', ') : header

/** Answers in place of a service that does not exist. */
export function mockHandler(
  { document, operation }: MockedRoute,
  mock: MockDeclaration,
): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  prepareExamples()
  const delay = typeof mock === 'object' && mock.delay !== undefined ? milliseconds(mock.delay) : 0
  return async (request, reply) => {
    if (delay > 0) await wait(delay, undefined, { ref: false })
    const answer = mockAnswer(document, operation, {
      accept: request.headers.accept,
      prefer: one(request.headers.prefer),
    })
    if ('offered' in answer) {
      throw gatehouseError('GW_NOT_ACCEPTABLE', {
        detail: `This answer comes as ${answer.offered.join(', ')} only: name one of these in Accept.`,
        headers: { 'x-gatehouse-mock': 'true', vary: 'Accept' },
      })
    }
    return reply
      .code(answer.status)
      .headers({ ...answer.headers, vary: 'Accept, Prefer', 'x-gatehouse-mock': 'true' })
      .send(answer.body ?? undefined)
  }
}

/** A hand-written route as an operation: its responses with their schemas. */
export function ownOperation({ schema = {} }: Partial<RouteDeclaration>, name: string): MockedRoute {
  const responses = Object.fromEntries(
    Object.entries(schema.response ?? {}).map(([status, response]) => {
      const { type, description = '' } = response as { type?: unknown; description?: string }
      return [
        status.toUpperCase().replace('DEFAULT', 'default'),
        { description, ...(type === 'null' ? {} : { content: { 'application/json': { schema: response } } }) },
      ]
    }),
  )
  const root = { openapi: '3.1.0', paths: { '/': { get: { responses } } } }
  const operation: ApiOperation = { ...readOperations(root)[0]!, where: name }
  return { document: { name, version: '3.1.0', root, operations: [operation], notes: [] }, operation }
}
