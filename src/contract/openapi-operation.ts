import type { RouteOptions } from 'fastify'
import { ERRORS, type ErrorCode } from '../errors.ts'

const json = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }

export const sharedComponents = () => ({
  securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
  schemas: { Problem: { type: 'object', title: 'Problem', required: ['type', 'title', 'status'], properties: { type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, detail: { type: 'string' }, code: { type: 'string' }, requestId: { type: 'string' } } } },
})

/** The documented form of a route. */
export function describeOperation (schema: Record<string, any> | undefined, url: string, route: RouteOptions): { schema: object, url: string } {
  const config = route.config ?? {}
  const { hide, ...rest } = schema ?? {}
  const path = config.publicUrl ?? url
  if (hide || path.includes('*') || route.method === 'QUERY') return { schema: { hide: true }, url: path }
  const own: ErrorCode[] = ['GW_UPSTREAM_BROKEN', 'GW_UPSTREAM_TIMEOUT']
  if (config.auth && config.auth !== 'none') own.push('GW_UNAUTHORIZED', 'GW_FORBIDDEN')
  if (config.limits?.length) own.push('GW_RATE_LIMITED')
  const responses: Record<string, object> = {}
  for (const [status, body] of Object.entries(config.responses ?? { 200: {} })) responses[status] = { description: (body as any).description ?? 'Success', content: { 'application/json': { schema: body } } }
  for (const code of own) responses[ERRORS[code].status] ??= { description: ERRORS[code].title, content: json }
  return {
    url: path,
    schema: {
      ...rest,
      ...config.auth && config.auth !== 'none' ? { security: [{ bearer: [] }] } : {},
      response: responses,
    },
  }
}
