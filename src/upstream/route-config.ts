import type {} from 'fastify'
import type { Cors, Csrf, SecurityHeaders } from '../browser/browser-schema.ts'
import type { CorsPolicy } from '../browser/cors-policy.ts'
import type { AuthDeclaration } from '../auth/auth-schema.ts'
import type { ClientCache } from '../response/client-cache-schema.ts'
import type { Compression } from '../response/compression-schema.ts'
import type { MatrixPath } from '../contract/matrix-path.ts'
import type { CostDeclaration, LimitDeclaration, LimitRule } from '../limits/limit-schema.ts'
import type { ApiDocument, ApiOperation } from '../openapi/types.ts'
import type { ForwardPlan } from '../proxy/forward-plan.ts'

/** An operation of an imported document. */
export interface ApiRoute {
  readonly document: ApiDocument
  readonly operation: ApiOperation
}

declare module 'fastify' {
  /** What a route declares; the stages in `plugins/` read it in their `onRoute` hooks and pay nothing per request. */
  interface FastifyContextConfig {
    /** Who may call. Every route of `routes/` must state it, or inherit it. */
    auth?: AuthDeclaration
    /**
     * A limit of this route alone, as a hand-written plugin states it; `false` frees it from all, those of plans
     * included.
     */
    limit?: LimitDeclaration | false
    /** For how many requests one counts. Default: 1. */
    cost?: CostDeclaration
    /** Every limit in force, gateway and upstream included; wins over `limit`. */
    limits?: LimitRule[]
    /** Name of the upstream, for logs, metrics and documents. */
    upstream?: string
    /** What the API of the upstream is for, in the words of its file. */
    upstreamDescription?: string
    /** Path pattern as clients see it, without the internal host group. */
    publicUrl?: string
    /** Internal prefix of the host group, taken off to get `publicUrl`. */
    hostPrefix?: string
    /** Hosts that the route answers for; absent for all. */
    hosts?: readonly string[]
    /** What happens to a response that breaks `responses`. */
    responseValidation?: 'off' | 'report' | 'enforce'
    /** A response schema by status (`200`, `2xx`, `default`), for documents and validation. */
    responses?: Record<string, object>
    /** Media types of the body that the route accepts. */
    consumes?: readonly string[]
    /** Where a redirect route sends to, for people to read. */
    redirect?: string
    /** The operation of an imported document that the route stands for. */
    api?: ApiRoute
    /** Where its path has matrix parameters; null when it has none. */
    matrix?: MatrixPath | null
    /** What happens to a request that breaks its operation: it is refused, told of, or not looked at. */
    requestValidation?: 'enforce' | 'report' | 'off'
    /** How the request is forwarded. */
    plan?: ForwardPlan
    /** Whether the gateway answers in place of the service. */
    mock?: boolean
    /** Lets WebSocket upgrades through. */
    websocket?: boolean
    /** Whether the route takes what is not declared below a prefix. */
    passThrough?: boolean
    /** Pages of which origins may call the route. */
    cors?: Cors
    /** The same, made ready; stated by the gateway itself. */
    corsPolicy?: CorsPolicy
    /** How requests are refused that pages of other origins forge. */
    csrf?: Csrf
    /** Headers that make browsers careful. */
    securityHeaders?: SecurityHeaders
    /** How responses are compressed. */
    compress?: Compression
    /** What clients are told about keeping responses. */
    clientCache?: ClientCache
  }
}
