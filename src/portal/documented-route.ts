import type { AuthDeclaration } from '../auth/auth-schema.ts'
import type { LimitDeclaration, LimitRule } from '../limits/limit-schema.ts'
import type { ApiDocument, ApiOperation } from '../schema/types.ts'

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
    api?: { readonly document: ApiDocument; readonly operation: ApiOperation }
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
