import { STATUS_CODES } from 'node:http'
import { authForm, type AuthDeclaration, type AuthForm, type Requirement } from '../auth/auth-schema.ts'
import { byText, type LimitDeclaration, type LimitRule, limitRules, limitText } from '../limits/limit-schema.ts'
import type { ApiDocument, ApiOperation } from '../openapi/types.ts'
import { type ImportedParts, importedOperation } from './imported-operation.ts'
import type { ImportedComponents } from './imported-components.ts'
import type { SchemaObject } from './json-schema.ts'
import { addProblem, answerReference } from './openapi-answers.ts'
import type { PathParameter } from './openapi-path.ts'
import type { PlacedSchemas } from './placed-schemas.ts'

/** The part of a Fastify route that documents show. */
export interface DocumentedRoute {
  method: string | readonly string[]
  url: string
  schema?: Record<string, any>
  /** Conditions of the router; `headers` that a request must have. */
  constraints?: { readonly headers?: Readonly<Record<string, string>> }
  config: {
    auth?: AuthDeclaration
    limit?: LimitDeclaration | false
    limits?: readonly LimitRule[]
    upstream?: string
    upstreamDescription?: string
    api?: { readonly document: ApiDocument, readonly operation: ApiOperation }
    requestValidation?: 'off' | 'report' | 'enforce'
    hosts?: readonly string[]
    responses?: Record<string, object>
    consumes?: readonly string[]
    publicUrl?: string
    redirect?: string
    websocket?: boolean
    passThrough?: boolean
  }
}

/** Where an operation stands in the document. */
export interface OperationPlace {
  operationId: string
  /** Those of the path, in their order. */
  parameters: readonly PathParameter[]
  schemas: PlacedSchemas
  /** Schemas by `$id` that the route's own may refer to. */
  shared?: Record<string, unknown>
  /** Schemes that can be referred to by their names. */
  securitySchemes: Readonly<Record<string, object>>
  /** Parts of the document that the operation of the route comes from. */
  imported?: ImportedComponents
  /** Sections that it stands in. */
  tags?: readonly string[]
  /** Routes with the same method and path, for other hosts or for requests with other headers. */
  others?: readonly DocumentedRoute[]
  /** The document is that of hosts on which the operation is reached, so it need not name them. */
  isOfHost?: boolean
}

/** Parameters of their own in OpenAPI: they are stated by security, request body and responses. */
const UNDOCUMENTED_HEADERS = new Set(['accept', 'content-type', 'authorization'])

/**
 * The operation of a route (OpenAPI 3.1): with the gateway's own answers, security and limits. Where the route comes from a
 * document, the rest is what that says, unless the route says otherwise.
 */
export function describeOperation (route: DocumentedRoute, place: OperationPlace): Record<string, unknown> {
  const { schema = {}, config } = route
  const own: ImportedParts = config.api && place.imported ? importedOperation(config.api.operation, place.imported, config.api.document) : {}
  const form = authForm(config.auth ?? 'none')
  const security = securityOf(form, place.securitySchemes)
  const limits = limitsOf(config)
  const summary = schema.summary ?? own.summary
  const description = [schema.description ?? own.description, ...notes(config, form, limits), ...(place.others ?? []).map((other) => otherNote(other, route))].filter(Boolean).join('\n\n')
  const externalDocs = schema.externalDocs ?? own.externalDocs
  const parameters = parametersOf(schema, place, own)
  const body = schema.body ? requestBody(route, place) : own.requestBody
  const checked = schema.params || schema.querystring || schema.query || schema.headers || schema.body ||
    (config.api && (config.requestValidation ?? 'enforce') === 'enforce' && (parameters.length > 0 || body))
  const errors = [
    ...checked ? [400] : [],
    ...form.uses.length > 0 ? [401, 403] : [],
    ...checked && body ? [413, 415] : [],
    ...limits.length > 0 ? [429] : [],
    ...config.upstream && !config.redirect ? [502, 503, 504] : [],
  ]
  return {
    ...place.tags ? { tags: place.tags } : {},
    ...summary ? { summary } : {},
    ...description ? { description } : {},
    ...externalDocs ? { externalDocs } : {},
    operationId: place.operationId,
    ...parameters.length > 0 ? { parameters } : {},
    ...body ? { requestBody: body } : {},
    responses: responsesOf(route, place, errors, own.responses?.(errors) ?? {}),
    ...own.callbacks ? { callbacks: own.callbacks } : {},
    ...schema.deprecated ?? own.deprecated ? { deprecated: true } : {},
    ...security.length > 0 ? { security } : {},
    ...config.hosts && !place.isOfHost ? { servers: config.hosts.map(serverOf) } : {},
    ...own.extensions,
    ...limits.length > 0 ? { 'x-rate-limit': limits.map(documentedLimit) } : {},
    ...Object.fromEntries(Object.entries(schema).filter(([key]) => key.startsWith('x-'))),
  }
}

/** Security Requirement Objects: any of them suffices, and an empty one lets strangers in. */
function securityOf ({ mode, optional, uses }: AuthForm, schemes: OperationPlace['securitySchemes']): object[] {
  const known = uses.filter(({ scheme }) => Object.hasOwn(schemes, scheme)).map(({ scheme, requirement: { scopes = [] } }) => ({ [scheme]: scopes }))
  if (known.length === 0) return []
  return mode === 'all' ? [Object.assign({}, ...known)] : optional ? [{}, ...known] : known
}

function limitsOf ({ limit, limits }: DocumentedRoute['config']): readonly LimitRule[] {
  if (limits) return limits
  return limit ? limitRules('route', limit) : []
}

/** One limit of `x-rate-limit`. */
const documentedLimit = ({ name, algorithm, max, windowMs, burst, per, timeZone, by }: LimitRule): object => ({
  name, max, ...windowMs > 0 ? { windowSeconds: windowMs / 1000 } : {}, by: byText(by), ...algorithm === 'fixed' ? {} : { algorithm },
  ...burst === undefined ? {} : { burst }, ...per === undefined ? {} : { per, timeZone: timeZone ?? 'UTC' },
})

function notes (config: DocumentedRoute['config'], { mode, optional, uses }: AuthForm, limits: readonly LimitRule[]): string[] {
  const said: string[] = []
  const wanted = [...new Set(uses.map(({ requirement }) => requirementText(requirement)))].filter((text) => text !== '')
  if (wanted.length > 0) said.push(`Requires ${wanted.join(mode === 'all' ? '; and ' : '; or ')}.`)
  if (optional && uses.length > 0) said.push('Credentials are optional.')
  for (const limit of limits) said.push(`At most ${limitText(limit)} for each ${byText(limit.by)}.`)
  if (config.websocket) said.push('This route can be upgraded to a WebSocket.')
  return said
}

function requirementText ({ scopes = [], groups = [], claims = {} }: Requirement): string {
  const code = (names: readonly string[], word: string): string => names.map((name) => `\`${name}\``).join(word)
  return [
    ...scopes.length > 0 ? [`scope ${code(scopes, ' and ')}`] : [],
    ...groups.length > 0 ? [`group ${code(groups, ' or ')}`] : [],
    ...Object.keys(claims).length > 0 ? [`claim ${code(Object.keys(claims), ' and ')}`] : [],
  ].join(', ')
}

/** Says that a route with the same method and path stands in no place of its own. */
function otherNote ({ config: { hosts, upstream }, constraints }: DocumentedRoute, { config }: DocumentedRoute): string {
  const whose = upstream === undefined ? '' : ` of the upstream \`${upstream}\``
  const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')
  if (constraints?.headers) {
    const headers = Object.entries(constraints.headers).map((header) => header.join(': '))
    return `Requests with ${listed(headers)} get another operation${whose}.`
  }
  const where = hosts === undefined ? 'on all other hosts' : `on ${listed(hosts)}`
  if (hosts?.join() === config.hosts?.join()) return `Some requests get another operation${whose}.`
  return `This path has another operation ${where}${upstream === undefined ? '' : `: see the document${whose}`}.`
}

/** A host of any one label is a server with a variable. */
const serverOf = (host: string): object => host.startsWith('*')
  ? { url: `https://${host.replace('*', '{label}')}`, variables: { label: { default: 'www' } } }
  : { url: `https://${host}` }

function parametersOf (schema: Record<string, any>, place: OperationPlace, { parameters: own }: ImportedParts): unknown[] {
  const { operationId, schemas, shared } = place
  const propertiesOf = (part: string) => schemas.properties(schemas.place(schema[part] ?? {}, `${operationId}.${part}`, shared))
  const params = propertiesOf('params')
  // a part that the route states takes the place of the document's
  const others = (where: string, part: unknown): unknown[] => part ? [] : own?.others.get(where) ?? []
  return [
    // each parameter of the path, also those of which nobody speaks
    ...place.parameters.map(({ route, own: name, documented }) => params.has(route) || schema.params
      ? parameter('path', documented, { schema: params.get(route)?.schema ?? { type: 'string' }, required: true })
      : own?.path(name, documented) ?? parameter('path', documented, { schema: { type: 'string' }, required: true })),
    ...[...propertiesOf(schema.querystring ? 'querystring' : 'query')].map(([name, property]) => parameter('query', name, property)),
    ...others('query', schema.querystring ?? schema.query),
    ...[...propertiesOf('headers')].filter(([name]) => !UNDOCUMENTED_HEADERS.has(name.toLowerCase())).map(([name, property]) => parameter('header', name, property)),
    ...others('header', schema.headers),
    ...others('cookie', undefined),
  ]
}

function parameter (where: string, name: string, { schema, required }: { schema: any, required: boolean }): object {
  const { description, deprecated, ...rest } = typeof schema === 'object' ? schema : { not: {} }
  return {
    name, in: where, ...required ? { required } : {}, ...description ? { description } : {}, ...deprecated ? { deprecated } : {},
    schema: schema === true ? {} : rest,
  }
}

function requestBody ({ schema = {}, config }: DocumentedRoute, { operationId, schemas, shared }: OperationPlace): object {
  const { body } = schema
  // Fastify's way to state a schema for each media type
  const byType: [string, any][] = body.content
    ? Object.entries<any>(body.content).map(([type, media]) => [type, media.schema ?? {}])
    : (config.consumes ?? schema.consumes ?? ['application/json']).map((type: string) => [type, body])
  return {
    ...body.description ? { description: body.description } : {},
    required: true,
    content: Object.fromEntries(byType.map(([type, own]) => [type, { schema: schemas.place(own, `${operationId}.body`, shared) }])),
  }
}

/**
 * What the upstream answers, and the errors of the gateway. By status, what the route states goes before what the document of
 * the upstream does, to which the errors have been added.
 */
function responsesOf (route: DocumentedRoute, { operationId, schemas, shared }: OperationPlace, errors: readonly number[], documented: Record<string, unknown>): Record<string, unknown> {
  const { schema = {}, config } = route
  const responses: Record<string, SchemaObject> = {}
  for (const [status, body] of Object.entries<SchemaObject>(config.responses ?? schema.response ?? {})) {
    const key = status === 'default' ? status : status.toUpperCase()
    responses[key] = {
      description: body.description ?? STATUS_CODES[status] ?? 'The answer of the upstream.',
      ...body.type === 'null' ? {} : { content: body.content ?? { 'application/json': { schema: schemas.place(body, `${operationId}.${key}`, shared) } } },
    }
  }
  const [redirectStatus, target] = config.redirect?.split(' ') ?? []
  if (redirectStatus) responses[redirectStatus] = { description: `Redirects to ${target}.`, headers: { Location: { schema: { type: 'string' } } } }
  if (config.websocket) responses[101] = { description: 'The connection is a WebSocket from here on.' }
  if ([...Object.keys(documented), ...Object.keys(responses)].every((status) => status === '101')) responses['2XX'] = { description: 'The answer of the upstream.' }
  for (const status of errors) {
    if (responses[status]) responses[status] = addProblem(responses[status], status)
    else if (!Object.hasOwn(documented, status)) responses[status] = answerReference(status)
  }
  return { ...documented, ...responses }
}
