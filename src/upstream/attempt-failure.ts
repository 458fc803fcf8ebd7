import { constants } from 'node:http2'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import type { AttemptFailure } from './target-monitor.ts'

/** No connection was made, so the upstream has seen nothing of the request. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'ENOENT',
  'EACCES',
  'ENOTSOCK',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_PRX_TLS',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  // the certificate of the target is invalid: OpenSSL's names
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
])
/**
 * The target refused our certificate, or its absence. Under TLS 1.3 it does so after the handshake, but before it
 * reads.
 */
const REFUSED_BY_TLS =
  /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_ALERT_(?:.*CERTIFICATE.*|HANDSHAKE_FAILURE|UNKNOWN_CA|ACCESS_DENIED|PROTOCOL_VERSION|NO_APPLICATION_PROTOCOL)$/
/** RST_STREAM with this code: the target has not processed the request (RFC 9113, section 8.7). */
const REFUSED_STREAM = constants.NGHTTP2_REFUSED_STREAM
const BROKEN_OFF = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_INFO',
  'ERR_HTTP2_STREAM_ERROR',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_GOAWAY_SESSION',
])
const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException)?.code ?? '')

/** Whether the failure came before anything was sent: another target may be tried with any method. */
const neverConnected = (error: unknown): boolean => {
  const code = codeOf(error)
  return NOT_CONNECTED.has(code) || REFUSED_BY_TLS.test(code) || isUntouched(error as Http2Failure)
}

type Http2Failure = { http2ErrorCode?: number; message?: string } | undefined

/** Whether a stream was refused, or is newer than the last that the target has processed (RFC 9113, section 6.8). */
const isUntouched = (error: Http2Failure): boolean =>
  error?.http2ErrorCode === REFUSED_STREAM || error?.message?.startsWith('HTTP/2: "GOAWAY"') === true

/**
 * Whether another attempt may go better: there was no answer at all, as on a keep-alive connection that had just timed
 * out (RFC 9112, section 9.3.1). An answer that is not HTTP would come again.
 */
export const isWorthRetrying = (error: unknown, failure: AttemptFailure): boolean =>
  failure !== 'broken' || BROKEN_OFF.has(codeOf(error))

const TOO_SLOW = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'GW_UPSTREAM_TIMEOUT',
])

/** The request itself was wrong, or its client went away. */
const OWN_FAULT = new Set([
  'ABORT_ERR',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_ABORTED',
])

/** What a failure says about the target. */
export function attemptFailure(error: unknown): AttemptFailure {
  const code = codeOf(error)
  if (neverConnected(error)) return 'unreachable'
  if (TOO_SLOW.has(code)) return 'timeout'
  return OWN_FAULT.has(code) || code.startsWith('GW_') ? 'cancelled' : 'broken'
}

/** The answer when an upstream is full. */
export const overloadError = (): GatehouseError =>
  gatehouseError('GW_UPSTREAM_OVERLOADED', { headers: { 'retry-after': '1' } })

/** Longest time that a client is told to wait. Seconds. */
const LONGEST_WAIT = 60

/** The answer when no target is available. @param wait  milliseconds until one is */
export const noTargetError = (wait: number): GatehouseError =>
  gatehouseError('GW_UPSTREAM_UNAVAILABLE', {
    headers: { 'retry-after': String(Math.min(LONGEST_WAIT, Math.max(1, Math.ceil(wait / 1000)))) },
  })

/** The answer when a request has failed at every target that could be tried. */
export function failureAnswer(error: unknown): GatehouseError {
  const code = codeOf(error)
  if (code.startsWith('GW_')) return error as GatehouseError
  if (TOO_SLOW.has(code)) return gatehouseError('GW_UPSTREAM_TIMEOUT', { cause: error })
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH' || code === 'UND_ERR_INVALID_ARG') {
    return gatehouseError('GW_BAD_REQUEST', { cause: error })
  }
  return gatehouseError(neverConnected(error) ? 'GW_UPSTREAM_UNREACHABLE' : 'GW_UPSTREAM_BROKEN', { cause: error })
}
