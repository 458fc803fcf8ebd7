import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { ForwardPlan } from './forward-plan.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether authentication has let this request in. Stays false on routes with `auth: 'none'`. */
    authorized: boolean
    /** Whether authentication and limits have let the request in. Set on the routes of hand-written plugins alone. */
    admitted: boolean
  }
}

/**
 * Refuses to forward a request that authentication has not let in. Every way to an upstream begins with this, so that a
 * route that lost its authentication serves nothing.
 * @throws an error that is answered 500 and is explained in the log
 */
export function requireAuthorization(request: FastifyRequest, plan: ForwardPlan): void {
  if (request.authorized || plan.open) return
  throw new Error(
    `the request was not forwarded to ${plan.upstream.name}, since no authentication has decided about it: state config.auth on the route that forwards it ('none' when everybody may call)`,
  )
}

/** The gateway's last onRequest hook on the routes of hand-written plugins. Forwarding before it is refused. */
export const admit: onRequestHookHandler = (request, _reply, done) => {
  request.admitted = true
  done()
}
