import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { ForwardPlan } from './forward-plan.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Whether authentication has let this very request in. Nobody is asked on routes with `auth: 'none'`: their plan is
     * `open`.
     */
    authorized: boolean
    /** Whether authentication and limits have let the request in. Set on the routes of hand-written plugins alone. */
    admitted: boolean
  }
}

/**
 * Refuses to send a request to an upstream that no authentication has decided about. Every way to an upstream begins
 * with this, so that a route whose authentication got lost serves nothing.
 * @throws an error that is answered 500 and says in the log what is wrong
 */
export function requireAuthorization(request: FastifyRequest, plan: ForwardPlan): void {
  if (request.authorized || plan.open) return
  throw new Error(
    `the request was not forwarded to ${plan.upstream.name}, since no authentication has decided about it: state config.auth on the route that forwards it ('none' when everybody may call)`,
  )
}

/**
 * The last onRequest hook of the gateway on the routes of hand-written plugins: whatever forwards before it is refused.
 */
export const admit: onRequestHookHandler = (request, _reply, done) => {
  request.admitted = true
  done()
}
