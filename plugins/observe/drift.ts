import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isJson } from '../../src/validation/media-type.ts'
import { DriftRegistry, type OperationRecord } from '../../src/openapi/drift/drift-record.ts'

/** Larger answers are not looked into. Bytes. */
const LARGEST = 64 * 1024

/** Compares traffic with the documents of upstreams. */
export default fp(
  async (app) => {
    const registry = new DriftRegistry()
    app.decorate('drift', registry)
    app.routePhase('driftAnswer', ({ config: { api, upstream } = {} }) => {
      const operation = api && registry.get(upstream)?.operation(api.operation)
      if (operation === undefined) return null
      return (request, reply, payload, done) => {
        if (request.exchange !== null && operation.looks) {
          lookAtAnswer(operation, request.exchange.upstreamStatus, reply.getHeader('content-type'), payload)
        }
        done(null, payload)
      }
    })
    app.routePhase('drift', ({ config: { api, upstream } = {} }) => {
      const record = registry.get(upstream)
      if (record === undefined) return null
      if (api === undefined) {
        // a route of the file, or its pass-through
        return (request, _reply, done) => {
          if (request.exchange !== null) record.undescribed(request.method, request.originalUrl.split('?', 1)[0]!)
          done()
        }
      }
      const operation = record.operation(api.operation)
      return (request, _reply, done) => {
        if (request.exchange !== null || request.cacheResult !== null) lookAtRequest(operation, request)
        done()
      }
    })
  },
  { name: 'drift' },
)

function lookAtRequest(operation: OperationRecord, { exchange, query, body, headers }: FastifyRequest): void {
  const status = exchange?.upstreamStatus ?? 0
  if (status > 0) {
    operation.answered(status)
    // what the upstream has refused says nothing of its API
    if (status < 400 && operation.looks) {
      operation.query(query as Record<string, unknown>)
      // one that could not be read is here as its bytes
      if (
        typeof body === 'object' &&
        body !== null &&
        !Buffer.isBuffer(body) &&
        isJson(String(headers['content-type']))
      ) {
        operation.request(body)
      }
    }
  }
  operation.called()
}

function lookAtAnswer(operation: OperationRecord, status: number, type: unknown, payload: unknown): void {
  if (
    status === 0 ||
    !(typeof payload === 'string' || Buffer.isBuffer(payload)) ||
    payload.length > LARGEST ||
    !isJson(String(type))
  ) {
    return
  }
  try {
    operation.response(status, JSON.parse(String(payload)))
  } catch {
    // not JSON, or compressed: the check of responses tells of that
  }
}
