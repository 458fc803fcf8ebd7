import { ERRORS, type ErrorCode } from '../errors.ts'
import { documentPath } from './openapi-path.ts'

/** What a document tells of a route; the part of Fastify's route that matters. */
export interface DocumentedRoute {
  method: string | readonly string[]
  schema: Record<string, unknown>
  config: {
    auth?: unknown
    limits?: readonly { name: string, max: number, windowMs: number, by: string }[]
    upstream?: string
    hosts?: readonly string[]
    responses?: Record<string, object>
    consumes?: readonly string[]
    publicUrl?: string
  }
}

const PROBLEM = {
  type: 'object',
  title: 'Problem',
  description: 'An error answer of the gateway (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string', description: 'URI that names the kind of error.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What to do about it.' },
    instance: { type: 'string', description: 'Path of the request.' },
    code: { type: 'string', enum: Object.keys(ERRORS) },
    requestId: { type: 'string', description: 'The id under which the request stands in the log.' },
    errors: {
      type: 'array',
      description: 'Every violation, when the request does not match its schema.',
      items: { type: 'object', properties: { in: { type: 'string' }, pointer: { type: 'string' }, expected: { type: 'string' } } },
    },
  },
}

/** What all operations refer to. */
export const sharedComponents = () => ({
  securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
  schemas: { Problem: PROBLEM },
})

/** Whether a route can stand in an OpenAPI 3.1 document: it has no wildcards, and no methods beyond those of 2021. */
export const isDocumentable = ({ method, schema }: DocumentedRoute, path: string): boolean =>
  schema.hide !== true && !path.includes('*') && ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH'].includes(String(method))

/** The operation of a route, as the document has it: with the gateway's own answers, security and limits. */
export function describeOperation (route: DocumentedRoute, path: string): Record<string, unknown> {
  const { schema, config } = route
  const { hide: _, ...documented } = schema
  const scopes = scopesOf(config.auth)
  return {
    ...documented,
    operationId: schema.operationId ?? operationId(route, path),
    params: paramsWithTypes(schema.params as object | undefined, path),
    ...scopes === null ? {} : { security: scopes.map((list) => ({ bearer: list })) },
    description: [schema.description, ...notes(route, scopes)].filter(Boolean).join('\n\n') || undefined,
    ...config.consumes ? { consumes: config.consumes } : {},
    ...config.hosts ? { servers: config.hosts.map((host) => ({ url: `https://${host.replace('*', '{label}')}`, ...host.startsWith('*') ? { variables: { label: { default: 'www' } } } : {} })) } : {},
    ...config.limits?.length ? { 'x-rate-limit': config.limits.map(({ name, max, windowMs, by }) => ({ name, max, windowSeconds: windowMs / 1000, by })) } : {},
    response: responses(route),
  }
}

/** Scopes of each scheme of which any suffices; null for an open route. */
function scopesOf (auth: unknown): string[][] | null {
  if (auth === undefined || auth === 'none') return null
  return [auth as { jwt: { scopes?: string[] } }].flat().map(({ jwt }) => jwt.scopes ?? [])
}

function notes ({ config }: DocumentedRoute, scopes: string[][] | null): string[] {
  const said: string[] = []
  const wanted = scopes?.filter((list) => list.length > 0).map((list) => list.map((scope) => `\`${scope}\``).join(' and ')).join(', or ')
  if (wanted) said.push(`Scopes: ${wanted}.`)
  for (const { max, windowMs, by } of config.limits ?? []) said.push(`At most ${max} requests in ${windowMs / 1000} s for each ${by}.`)
  return said
}

const operationId = ({ method, config }: DocumentedRoute, path: string): string =>
  [config.upstream ?? 'gateway', String(method).toLowerCase(), ...path.split(/[^A-Za-z0-9]+/).filter(Boolean)].join('-')

/** Every parameter of the path, also those of which the schema does not speak. */
function paramsWithTypes (params: { properties?: Record<string, object> } | undefined, path: string): object | undefined {
  const names = [...documentPath(path).matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
  if (names.length === 0) return undefined
  return { type: 'object', properties: Object.fromEntries(names.map((name) => [name, params?.properties?.[name] ?? { type: 'string' }])), required: names }
}

function responses ({ schema, config }: DocumentedRoute): Record<string, object> {
  const described: Record<string, object> = {}
  for (const [status, body] of Object.entries(config.responses ?? {})) {
    const { description = 'The answer of the upstream.' } = body as { description?: string }
    const key = status === 'default' ? status : status.toUpperCase()
    described[key] = isEmpty(body) ? { description, ...NO_CONTENT } : { description, content: { 'application/json': { schema: body } } }
  }
  if (Object.keys(described).length === 0) described['2XX'] = { description: 'The answer of the upstream.', ...NO_CONTENT }
  for (const [status, codes] of ownAnswers(schema, config)) {
    described[status] ??= {
      description: codes.map((code) => `${ERRORS[code].title} (\`${code}\`).`).join(' '),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    }
  }
  return described
}

/** How @fastify/swagger is told that a response has no body to describe. */
const NO_CONTENT = { type: 'null' }

const isEmpty = (body: object): boolean => (body as { type?: string }).type === 'null'

/** The error answers that the gateway itself may give on a route. */
function ownAnswers (schema: Record<string, unknown>, config: DocumentedRoute['config']): Map<string, ErrorCode[]> {
  const codes: ErrorCode[] = []
  if (schema.params || schema.querystring || schema.headers || schema.body) codes.push('GW_VALIDATION')
  if (config.auth !== undefined && config.auth !== 'none') codes.push('GW_UNAUTHORIZED', 'GW_FORBIDDEN')
  if (schema.body) codes.push('GW_BODY_TOO_LARGE', 'GW_UNSUPPORTED_MEDIA_TYPE')
  if (config.limits?.length) codes.push('GW_RATE_LIMITED')
  if (config.upstream) codes.push('GW_UPSTREAM_UNREACHABLE', 'GW_UPSTREAM_BROKEN', 'GW_SHUTTING_DOWN', 'GW_UPSTREAM_TIMEOUT')
  const byStatus = new Map<string, ErrorCode[]>()
  for (const code of codes) {
    const status = String(ERRORS[code].status)
    byStatus.set(status, [...byStatus.get(status) ?? [], code])
  }
  return byStatus
}
