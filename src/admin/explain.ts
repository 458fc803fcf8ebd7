import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { type ErrorCode, ERRORS, type GatehouseError, type Violation } from '../errors.ts'
import type { Cors } from '../browser/browser-schema.ts'
import type { OperationCheck } from '../validation/operation-check.ts'
import { isUnsafe } from '../cache/purge.ts'
import { byText, costOf, type LimitRule, limitText } from '../limits/limit-schema.ts'
import { isHttpMethod } from '../listener/refusal.ts'
import { isHandshake } from '../listener/upgrade.ts'
import { isEarly } from '../limits/limit-stage.ts'
import { type PhaseName, PHASES } from '../phases.ts'
import { isAsIs, isSendable } from '../proxy/upstream-path.ts'
import type { ForwardPlan } from '../proxy/forward-plan.ts'
import { isTarget, publicTarget } from '../routing/host-router.ts'
import type { ApiOperation } from '../schema/types.ts'
import type { RouteRow } from '../routing/route-table.ts'
import { explainForwarding } from './explained-forwarding.ts'
import { type ExplainedRequest, requestView, type RequestView } from './explained-request.ts'
import { nearPaths, searchRoute } from './route-search.ts'

/**
 * Describes in lines of text what the gateway would do with a request, phase by phase. The request is not forwarded and
 * not counted against limits. The last line is the outcome.
 */
export async function explain(app: FastifyInstance, request: ExplainedRequest): Promise<string[]> {
  const [, authority, rest = ''] = /^(?:https?:\/\/([^/?#]*))?(.*)$/is.exec(request.url)!
  const target = rest === '' || rest.startsWith('?') ? `/${rest}` : rest
  const headers: IncomingHttpHeaders = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  headers.host ??= authority ?? `${app.config.host}:${app.config.port}`
  const method = request.method.toUpperCase()
  const lines = [`${method} ${target}  (host ${headers.host})`]
  const say = (stage: string, text: string) => lines.push(`${stage.padEnd(9)} ${text}`)

  if (!isHttpMethod(method) || method === 'CONNECT') {
    say('edge', refusalText('GW_UNSUPPORTED_METHOD'))
    return [...lines, answered('GW_UNSUPPORTED_METHOD')]
  }
  const sayNear = (path: string) => {
    for (const near of nearPaths(app.routeTable, method, path.split('?', 1)[0]!)) say('', `did you mean ${near}?`)
  }
  const internal = app.hostRouter.read(target, method, headers)
  if (!isTarget(internal)) {
    say('edge', refusalText(internal))
    if (internal === 'GW_BAD_PATH' && isSendable(target)) {
      say('', "an upstream with hosts of its own gets such paths with paths: 'as-is'")
    }
    if (internal === 'GW_NOT_FOUND') sayNear(target)
    return [...lines, answered(internal)]
  }
  const canonical = publicTarget(internal)
  say(
    'edge',
    isAsIs(internal)
      ? 'path is forwarded as it came'
      : canonical === target
        ? 'path is canonical'
        : `path becomes ${canonical}`,
  )

  const { found, nearMisses } = searchRoute(app.routeTable, method, internal, canonical, headers)
  const own = found === null && app.findRoute({ method: method as 'GET', url: canonical.split('?', 1)[0]! }) !== null
  const allowed = found === null && !own ? app.hostRouter.methodsAt(target, headers) : []
  if (found !== null) say('route', describe(found.row))
  else say('route', own ? 'answered by the gateway itself' : notRouted(allowed))
  for (const { row, because } of nearMisses.slice(0, MOST_MISSES)) say('', `not ${describe(row)}: ${because}`)
  if (nearMisses.length > MOST_MISSES) {
    say('', `nor ${nearMisses.length - MOST_MISSES} others, most of them for other methods`)
  }
  if (found === null && !own && allowed.length === 0) sayNear(canonical)
  if (found === null) {
    return [
      ...lines,
      own
        ? '→ answered by the gateway itself'
        : answered(allowed.length > 0 ? 'GW_METHOD_NOT_ALLOWED' : 'GW_NOT_FOUND'),
    ]
  }

  const { row, params } = found
  const { plan, mock, redirect, cors, securityHeaders } = row.options.config ?? {}
  const asked = requestView({ ...request, method: row.method }, canonical, headers)
  const [authText, refused] = await explainAuth(app, row, asked)
  const limits = explainLimits(app, row)
  const guarded = app.hostRouter.guard.refusal(row.options, method, internal, headers)
  const contract = explainContract(app, row, params, canonical, headers)
  const isNotUpgraded = plan !== undefined && !mock && !redirect && upgradeFails(plan, method, headers)
  const sayAll = (stage: string, texts: readonly string[]): void => texts.forEach((text) => say(stage, text))
  const explained: Partial<Record<PhaseName, () => void>> = {
    securityHeaders: () => securityHeaders && say('edge', 'security headers are set'),
    cors: () => cors && say('edge', corsText(cors)),
    addressLimits: () => sayAll('limits', limits.early),
    authentication: () => say('auth', authText),
    consumerLimits: () => sayAll('limits', limits.late),
    contractGuard: () =>
      guarded !== null &&
      say(
        'guard',
        `${ERRORS[guarded.code].status} ${guarded.code}: it may mean ${guarded.route} (${guarded.file}), which asks for other ${guarded.parts.join(', ')}`,
      ),
    operationValidation: () => sayAll('contract', contract.operation),
    validation: () => sayAll('contract', contract.schemas),
    handler: () => {
      sayAll('cache', explainCache(row))
      if (mock) say('mock', 'answered by the gateway from the document, nothing is forwarded')
      else if (plan && isNotUpgraded) {
        say(
          'upgrade',
          `${ERRORS.GW_UPGRADE_REFUSED.status} GW_UPGRADE_REFUSED: ${plan.websocket ? 'Sec-WebSocket-Key or Sec-WebSocket-Version is missing' : 'the route takes no WebSockets'}`,
        )
      } else if (plan) {
        explainForwarding(plan, row, params, { internal, request: asked as never, live: app.server.listening, say })
      } else say('handler', `written by hand in ${row.file}`)
    },
  }
  for (const { name } of PHASES) explained[name]?.()
  const broken = [...contract.operation, ...contract.schemas].some((text) => text.includes(': 400 GW_VALIDATION'))
  return [
    ...lines,
    refused
      ? `→ answered ${refused.statusCode} ${refused.code}`
      : guarded !== null
        ? answered(guarded.code)
        : broken
          ? answered('GW_VALIDATION')
          : isNotUpgraded
            ? answered('GW_UPGRADE_REFUSED')
            : outcome(row),
  ]
}

const refusalText = (code: ErrorCode): string => `refused, ${ERRORS[code].status} ${code}: ${ERRORS[code].message}`

/** @param allowed  methods that the path answers */
const notRouted = (allowed: readonly string[]): string =>
  allowed.length > 0
    ? `none for this method, 405 GW_METHOD_NOT_ALLOWED: allowed are ${allowed.join(', ')}`
    : 'none, 404 GW_NOT_FOUND'

/** Whether a request asks for a WebSocket although its route does not allow one. */
function upgradeFails({ websocket }: ForwardPlan, method: string, headers: IncomingHttpHeaders): boolean {
  const asks =
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '')
  return asks && (!websocket || !isHandshake({ headers }))
}

/** The maximum number of near misses shown; routes with the right method come first. */
const MOST_MISSES = 6

const describe = (row: RouteRow): string =>
  `${row.method} ${row.hosts.join(',')}${row.path}${row.upstream ? ` of ${row.upstream}` : ''} (${row.file})`

const answered = (code: ErrorCode): string => `→ answered ${ERRORS[code].status} ${code}`

/** What happens to a request that passes every phase. */
function outcome({ options, file }: RouteRow): string {
  const { redirect, plan, consumes, operationCheck, requestValidation, mock } = options.config ?? {}
  const provided =
    consumes || (operationCheck?.body && requestValidation === 'enforce') ? ', if its body fits the schema' : ''
  if (redirect) return `→ answered ${redirect.replace(' ', ', a redirect to ')}`
  if (mock) return `→ answered by the mock${provided}`
  if (!plan) return `→ handled by ${file}${provided}`
  return `→ forwarded to ${plan.upstream.name} (${plan.upstream.targets.map(({ id }) => id).join(' or ') || 'no target is known'})${provided}`
}

/** Runs the route's own authentication with the given headers. */
async function explainAuth(
  app: FastifyInstance,
  row: RouteRow,
  request: RequestView,
): Promise<[text: string, refused?: GatehouseError]> {
  if (row.auth === 'none') return ["'none': everybody may call"]
  const asked = JSON.stringify(row.auth)
  try {
    const consumer = (request.consumer = await app.explainAuth(row.auth, request))
    return [
      `${asked}: passes as ${consumer === null ? 'a stranger' : `consumer "${consumer.id}" with scopes ${consumer.scopes.join(' ') || '(none)'}`}`,
    ]
  } catch (error) {
    const refusal = error as GatehouseError
    if (!Object.hasOwn(ERRORS, refusal.code ?? '')) throw error
    return [`${asked}: ${refusal.statusCode} ${refusal.code}: ${refusal.message}`, refusal]
  }
}

const corsText = ({ origins, credentials }: Exclude<Cors, false>): string =>
  `pages of ${[origins].flat().join(', ')} may call it${credentials ? ', with credentials' : ''}`

/** The limits that apply before authentication, and those after it. Nothing is counted here. */
function explainLimits(
  app: FastifyInstance,
  { limits, auth, method, options: { config = {} } }: RouteRow,
): { early: string[]; late: string[] } {
  const known = auth !== 'none'
  const textOf = (rule: LimitRule): string => {
    const by = rule.by === 'consumer' && !known ? 'address' : byText(rule.by)
    return `"${rule.name}": ${limitText(rule)}, counted by ${by}${known && isEarly(rule) ? ' before authentication' : ''}${rule.except ? ', with exceptions' : ''} (nothing is counted here)`
  }
  const isFirst = (rule: LimitRule): boolean => known && isEarly(rule)
  const early = limits.filter(isFirst).map(textOf)
  const late = limits.filter((rule) => !isFirst(rule)).map(textOf)
  const cost = costOf(config.cost, method)
  if (cost > 1) late.push(`a request counts for ${cost}`)
  if (known && config.limit !== false && !app.planLimits.isEmpty) late.push('and those of the plan of the consumer')
  return early.length + late.length > 0 ? { early, late } : { early, late: ['none'] }
}

/** How the cache treats such a request. The cache itself is not read. */
function explainCache({ method, options: { config } }: RouteRow): string[] {
  const { plan } = config ?? {}
  if (!plan?.cache?.policy) return ['none']
  const { policy } = plan.cache
  if (!policy.methods.has(method)) {
    return [`not for ${method}${isUnsafe(method) ? '; what is stored for the URL is put out when it succeeds' : ''}`]
  }
  return [
    `what the upstream allows, to ${policy.maxObjectSize} bytes`,
    ...(policy.grace > 0 ? [`stale answers stand in for ${policy.grace} s when it fails`] : []),
  ]
}

function explainContract(
  app: FastifyInstance,
  row: RouteRow,
  params: Record<string, unknown>,
  canonical: string,
  headers: IncomingHttpHeaders,
): { operation: string[]; schemas: string[] } {
  const schema = row.options.schema as Record<string, object> | undefined
  const query = canonical.includes('?') ? canonical.slice(canonical.indexOf('?') + 1) : ''
  const values = { params, querystring: Object.fromEntries(new URLSearchParams(query)), headers: { ...headers } }
  const operation: string[] = []
  const schemas: string[] = []
  for (const [httpPart, value] of Object.entries(values)) {
    if (!schema?.[httpPart]) continue
    const validate = app.validatorCompiler!({ schema: schema[httpPart], method: row.method, url: row.path, httpPart })
    const result = validate(value) as unknown
    const failed =
      result === false || (typeof result === 'object' && result !== null && 'error' in result && result.error)
    schemas.push(failed ? `${httpPart}: 400 GW_VALIDATION${detailOf(validate)}` : `${httpPart}: fits its schema`)
  }
  const { consumes, api, requestValidation, operationCheck } = row.options.config ?? {}
  if (api !== undefined) {
    operation.push(
      ...explainOperation(
        api.operation,
        requestValidation!,
        (operationCheck as OperationCheck | undefined)?.violations({ params, headers, raw: { url: canonical } }) ??
          null,
      ),
    )
  }
  if (consumes) schemas.push(`body: ${consumes.join(' or ')}, checked against its schema`)
  else if (operationCheck?.body) operation.push(`body: ${operationCheck.body.allowed}, checked against the document`)
  else schemas.push('body: streamed, not looked at')
  return { operation, schemas }
}

/** Describes how the request fits the document of the upstream. The body is not checked. */
function explainOperation(
  { method, path, where }: ApiOperation,
  mode: string,
  violations: readonly Violation[] | null,
): string[] {
  const name = `operation ${method} ${path} (${where})`
  if (mode === 'off') return [`${name}: not checked`]
  const found = (violations ?? []).filter((violation) => violation.in !== 'body')
  if (found.length === 0) return [`${name}: fits${mode === 'report' ? ', what breaks it is only told of' : ''}`]
  const told = found.map((violation) => `${violation.in}${violation.pointer} ${violation.expected}`).join('; ')
  return [mode === 'report' ? `${name}: broken, which is only told of: ${told}` : `${name}: 400 GW_VALIDATION: ${told}`]
}

const detailOf = (validate: unknown): string => {
  const { errors } = validate as { errors?: (Violation & { instancePath?: string; message?: string })[] | null }
  return errors?.length
    ? `: ${errors.map((e) => `${e.instancePath ?? e.pointer} ${e.message ?? e.expected}`).join('; ')}`
    : ''
}
