import type { IncomingMessage } from 'node:http'
import type { ErrorCode } from '../errors.ts'

const kRefusal = Symbol('gatehouse.refusal')
type RefusedRequest = IncomingMessage & { [kRefusal]?: ErrorCode }

/** Notes why a request must be refused before it is routed. */
export function refuse(request: RefusedRequest, code: ErrorCode): void {
  request[kRefusal] ??= code
}

/** Why the request is refused; undefined when it is not. */
export const refusalOf = (request: RefusedRequest): ErrorCode | undefined => request[kRefusal]
