import { STATUS_CODES } from 'node:http'
import { IGNORED_HEADERS } from '../schema/types.ts'
import { authForm, type AuthForm } from '../auth/auth-schema.ts'
import { byText, type LimitRule, limitRules } from '../limits/limit-schema.ts'
import { type ImportedParts, importedOperation } from './imported-operation.ts'
import type { ImportedComponents } from './imported-components.ts'
import type { SchemaObject } from '../schema/json-schema.ts'
import {
  addressOf,
  accessNotes,
  otherNote,
  socketNote,
  streamNote,
  type DocumentedRoute,
  type TerminalCall,
} from './terminal-notes.ts'
import { addProblem, answerReference } from './openapi-answers.ts'
import type { PathParameter } from './openapi-path.ts'
import type { PlacedSchemas } from './placed-schemas.ts'

export type { DocumentedRoute } from './terminal-notes.ts'

/** The place of an operation in the document, and what its description needs. */
export interface OperationPlace {
  operationId: string
  method: string
  /** As written in the document. */
  path: string
  /** URL of the first server of the document. */
  server?: string
  /** Parameters of the path, in order. */
  parameters: readonly PathParameter[]
  schemas: PlacedSchemas
  /** Shared schemas by `$id` that the route's schemas may refer to. */
  shared?: Record<string, unknown>
  /** Security schemes of the document, by name. */
  securitySchemes: Readonly<Record<string, object>>
  /** Copies parts of the document from which the route was imported. */
  imported?: ImportedComponents
  /** Tags of the operation. */
  tags?: readonly string[]
  /** Routes with the same method and path, for other hosts or for requests with other headers. */
  others?: readonly DocumentedRoute[]
  /** The document is that of hosts on which the operation is reached, so it need not name them. */
  isOfHost?: boolean
}

/**
 * Describes the operation of a route (OpenAPI 3.1), with the gateway's own answers, security and limits. The rest of an
 * imported operation comes from its document, unless the route overrides it.
 */
export function describeOperation(route: DocumentedRoute, place: OperationPlace): Record<string, unknown> {
  const { schema = {}, config } = route
  const own: ImportedParts =
    config.api && place.imported ? importedOperation(config.api.operation, place.imported, config.api.document) : {}
  const form = authForm(config.auth ?? 'none')
  const security = securityOf(form, place.securitySchemes)
  const limits = limitsOf(config)
  const summary = schema.summary ?? own.summary
  const externalDocs = schema.externalDocs ?? own.externalDocs
  const parameters = parametersOf(schema, place, own)
  const body = schema.body ? requestBody(route, place) : own.requestBody
  const description = [
    schema.description ?? own.description,
    ...accessNotes(form, limits),
    ...(place.others ?? []).map((other) => otherNote(other, route)),
    ...terminalNotes(route, place, form, parameters, body),
  ]
    .filter(Boolean)
    .join('\n\n')
  const checked =
    schema.params ||
    schema.querystring ||
    schema.query ||
    schema.headers ||
    schema.body ||
    (config.api && (config.requestValidation ?? 'enforce') === 'enforce' && (parameters.length > 0 || body))
  const errors = [
    ...(checked ? [400] : []),
    ...(form.uses.length > 0 ? [401, 403] : []),
    ...(checked && body ? [413, 415] : []),
    ...(limits.length > 0 ? [429] : []),
    ...(config.upstream && !config.redirect ? [502, 503, 504] : []),
  ]
  return {
    ...(place.tags ? { tags: place.tags } : {}),
    ...(summary ? { summary } : {}),
    ...(description ? { description } : {}),
    ...(externalDocs ? { externalDocs } : {}),
    operationId: place.operationId,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: responsesOf(route, place, errors, own.responses?.(errors) ?? {}),
    ...(own.callbacks ? { callbacks: own.callbacks } : {}),
    ...((schema.deprecated ?? own.deprecated) ? { deprecated: true } : {}),
    ...(security.length > 0 ? { security } : {}),
    ...(config.hosts && !place.isOfHost ? { servers: config.hosts.map(serverOf) } : {}),
    ...own.extensions,
    ...(limits.length > 0 ? { 'x-rate-limit': limits.map(documentedLimit) } : {}),
    ...Object.fromEntries(Object.entries(schema).filter(([key]) => key.startsWith('x-'))),
  }
}

/** Security Requirement Objects: any of them is sufficient, and an empty one admits anonymous clients. */
function securityOf({ mode, optional, uses }: AuthForm, schemes: OperationPlace['securitySchemes']): object[] {
  const known = uses
    .filter(({ scheme }) => Object.hasOwn(schemes, scheme))
    .map(({ scheme, requirement: { scopes = [] } }) => ({ [scheme]: scopes }))
  if (known.length === 0) return []
  return mode === 'all' ? [Object.assign({}, ...known)] : optional ? [{}, ...known] : known
}

function limitsOf({ limit, limits }: DocumentedRoute['config']): readonly LimitRule[] {
  if (limits) return limits
  return limit ? limitRules('route', limit) : []
}

/** One limit of `x-rate-limit`. */
const documentedLimit = ({ name, algorithm, max, windowMs, burst, per, timeZone, by }: LimitRule): object => ({
  name,
  max,
  ...(windowMs > 0 ? { windowSeconds: windowMs / 1000 } : {}),
  by: byText(by),
  ...(algorithm === 'fixed' ? {} : { algorithm }),
  ...(burst === undefined ? {} : { burst }),
  ...(per === undefined ? {} : { per, timeZone: timeZone ?? 'UTC' }),
})

/** How to call the operation where a page of documentation cannot show it: an event stream or a WebSocket. */
function terminalNotes(
  route: DocumentedRoute,
  place: OperationPlace,
  { mode, optional, uses }: AuthForm,
  parameters: unknown[],
  body: any,
): string[] {
  const { config } = route
  const isStream = streams(route, place)
  if (!isStream && !config.websocket) return []
  const schemes = (optional ? [] : uses).flatMap(({ scheme }) => place.securitySchemes[scheme] ?? [])
  const call: TerminalCall = {
    method: place.method,
    path: place.path,
    parameters,
    address: addressOf(place.isOfHost ? undefined : config.hosts, place.server),
    mediaType: Object.keys(body?.content ?? {})[0],
    security: mode === 'all' ? schemes : schemes.slice(0, 1),
  }
  return [...(isStream ? [streamNote(call)] : []), ...(config.websocket ? [socketNote(call)] : [])]
}

/** Whether a successful response is an event stream. */
function streams({ schema = {}, config }: DocumentedRoute, { imported }: OperationPlace): boolean {
  if (schema.produces?.some(isEventStream)) return true
  const own = Object.entries<any>(config.responses ?? schema.response ?? {})
  const documented = Object.entries<any>(config.api?.operation.object.responses ?? {}).map(
    ([status, response]): [string, any] => [status, imported?.resolve(response)],
  )
  return [...own, ...documented].some(
    ([status, response]) => /^(?:2|default$)/.test(status) && Object.keys(response?.content ?? {}).some(isEventStream),
  )
}

const isEventStream = (type: string): boolean => /^text\/event-stream\b/i.test(type)

/** A host of any one label is a server with a variable. */
const serverOf = (host: string): object =>
  host.startsWith('*')
    ? { url: `https://${host.replace('*', '{label}')}`, variables: { label: { default: 'www' } } }
    : { url: `https://${host}` }

function parametersOf(
  schema: Record<string, any>,
  place: OperationPlace,
  { parameters: own }: ImportedParts,
): unknown[] {
  const { operationId, schemas, shared } = place
  const propertiesOf = (part: string) =>
    schemas.properties(schemas.place(schema[part] ?? {}, `${operationId}.${part}`, shared))
  const params = propertiesOf('params')
  // a part that the route states replaces the document's
  const others = (where: string, part: unknown): unknown[] => (part ? [] : (own?.others.get(where) ?? []))
  return [
    // all parameters of the path, with or without a description
    ...place.parameters.map(({ route, own: name, documented }) =>
      params.has(route) || schema.params
        ? parameter('path', documented, { schema: params.get(route)?.schema ?? { type: 'string' }, required: true })
        : (own?.path(name, documented) ??
          parameter('path', documented, { schema: { type: 'string' }, required: true })),
    ),
    ...[...propertiesOf(schema.querystring ? 'querystring' : 'query')].map(([name, property]) =>
      parameter('query', name, property),
    ),
    ...others('query', schema.querystring ?? schema.query),
    ...[...propertiesOf('headers')]
      .filter(([name]) => !IGNORED_HEADERS.has(name.toLowerCase()))
      .map(([name, property]) => parameter('header', name, property)),
    ...others('header', schema.headers),
    ...others('cookie', undefined),
  ]
}

function parameter(where: string, name: string, { schema, required }: { schema: any; required: boolean }): object {
  const { description, deprecated, ...rest } = typeof schema === 'object' ? schema : { not: {} }
  return {
    name,
    in: where,
    ...(required ? { required } : {}),
    ...(description ? { description } : {}),
    ...(deprecated ? { deprecated } : {}),
    schema: schema === true ? {} : rest,
  }
}

function requestBody(
  { schema = {}, config }: DocumentedRoute,
  { operationId, schemas, shared }: OperationPlace,
): object {
  const { body } = schema
  // Fastify's way to state a schema for each media type
  const byType: [string, any][] = body.content
    ? Object.entries<any>(body.content).map(([type, media]) => [type, media.schema ?? {}])
    : (config.consumes ?? schema.consumes ?? ['application/json']).map((type: string) => [type, body])
  return {
    ...(body.description ? { description: body.description } : {}),
    required: true,
    content: Object.fromEntries(
      byType.map(([type, own]) => [type, { schema: schemas.place(own, `${operationId}.body`, shared) }]),
    ),
  }
}

/**
 * The responses of the upstream, and the errors of the gateway. For each status, the route overrides the imported
 * document, to which the errors were already added.
 */
function responsesOf(
  route: DocumentedRoute,
  { operationId, schemas, shared }: OperationPlace,
  errors: readonly number[],
  documented: Record<string, unknown>,
): Record<string, unknown> {
  const { schema = {}, config } = route
  const responses: Record<string, SchemaObject> = {}
  for (const [status, body] of Object.entries<SchemaObject>(config.responses ?? schema.response ?? {})) {
    const key = status === 'default' ? status : status.toUpperCase()
    responses[key] = {
      description: body.description ?? STATUS_CODES[status] ?? 'The answer of the upstream.',
      ...(body.type === 'null'
        ? {}
        : { content: body.content ?? byMediaType(schema, key, schemas.place(body, `${operationId}.${key}`, shared)) }),
    }
  }
  const [redirectStatus, target] = config.redirect?.split(' ') ?? []
  if (redirectStatus) {
    responses[redirectStatus] = {
      description: `Redirects to ${target}.`,
      headers: { Location: { schema: { type: 'string' } } },
    }
  }
  if (config.websocket) responses[101] = { description: 'The connection is a WebSocket from here on.' }
  if ([...Object.keys(documented), ...Object.keys(responses)].every((status) => status === '101')) {
    // most services answer other requests with this error
    if (config.websocket) {
      responses[426] = {
        description: 'A request that asks for no WebSocket. *Execute* on this page sends such a request.',
      }
    }
    responses['2XX'] = {
      description: 'The answer of the upstream.',
      ...(schema.produces ? { content: byMediaType(schema, '2XX', {}) } : {}),
    }
  }
  for (const status of errors) {
    if (responses[status]) responses[status] = addProblem(responses[status], status)
    else if (!Object.hasOwn(documented, status)) responses[status] = answerReference(status)
  }
  return { ...documented, ...responses }
}

/** Media Type Objects of a response: `produces` states the types of successful ones. */
function byMediaType({ produces = [] }: Record<string, any>, status: string, schema: unknown): Record<string, object> {
  const types: string[] = produces.length > 0 && /^(?:2|default$)/.test(status) ? produces : ['application/json']
  return Object.fromEntries(types.map((type) => [type, { schema }]))
}
