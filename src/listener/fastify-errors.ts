import type { FastifyError } from 'fastify'
import { type ErrorCode, gatehouseError, type GatehouseError } from '../errors.ts'

const CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'GW_UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_TYPE: 'GW_UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'GW_BODY_TOO_LARGE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'GW_MALFORMED_BODY',
  FST_ERR_CTP_INVALID_JSON_BODY: 'GW_MALFORMED_BODY',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'GW_BAD_REQUEST',
  FST_ERR_BAD_URL: 'GW_BAD_PATH',
  FST_ERR_MAX_PARAM_LENGTH: 'GW_URL_TOO_LONG',
  FST_ERR_ASYNC_CONSTRAINT: 'GW_BAD_REQUEST',
}

/** The gateway's word for an error that Fastify has raised about a request; null for all others. */
export function fromFastifyError(error: Partial<FastifyError>): GatehouseError | null {
  const code = CODES[error.code ?? '']
  return code === undefined ? null : gatehouseError(code, { cause: error })
}
