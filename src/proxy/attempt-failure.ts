import { gatehouseError, type GatehouseError } from '../errors.ts'
import type { AttemptFailure } from '../upstream/target-monitor.ts'

/** The connection never stood, so the upstream has seen nothing of the request. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL', 'ENOENT', 'EACCES',
  'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_PRX_TLS', 'ERR_TLS_CERT_ALTNAME_INVALID', 'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER',
])
const BROKEN_OFF = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
/** Methods of which a second copy does no harm (RFC 9110, section 9.2.2; QUERY: RFC 10008). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH'])

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException)?.code ?? '')

/** Whether the failure came before anything was sent: another target may be tried with any method. */
export const neverConnected = (error: unknown): boolean => NOT_CONNECTED.has(codeOf(error))

/**
 * Whether the upstream closed the connection before it answered, as a keep-alive connection that had just timed out
 * does. A request that may be repeated is sent once more (RFC 9112, section 9.3.1).
 */
export const brokenBeforeAnswer = (error: unknown, method: string): boolean =>
  BROKEN_OFF.has(codeOf(error)) && IDEMPOTENT.has(method)

const TOO_SLOW = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'GW_UPSTREAM_TIMEOUT'])

/** What a failure says about the target. */
export function attemptFailure (error: unknown): AttemptFailure {
  const code = codeOf(error)
  if (neverConnected(error)) return 'unreachable'
  return TOO_SLOW.has(code) ? 'timeout' : 'broken'
}

/** The answer to a client whose request has failed at every target that could be tried. */
export function failureAnswer (error: unknown): GatehouseError {
  const code = codeOf(error)
  if (code.startsWith('GW_')) return error as GatehouseError
  if (TOO_SLOW.has(code)) return gatehouseError('GW_UPSTREAM_TIMEOUT', { cause: error })
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH' || code === 'UND_ERR_INVALID_ARG') {
    return gatehouseError('GW_BAD_REQUEST', { cause: error })
  }
  return gatehouseError(neverConnected(error) ? 'GW_UPSTREAM_UNREACHABLE' : 'GW_UPSTREAM_BROKEN', { cause: error })
}
