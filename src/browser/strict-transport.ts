import type { FastifyRequest } from 'fastify'

/** The field that makes browsers insist on TLS. */
export const HSTS = 'strict-transport-security'

/** Whether the client came over TLS: to this gateway, or to a trusted proxy that reports so in `X-Forwarded-Proto`. */
export const isSecure = ({ protocol }: Pick<FastifyRequest, 'protocol'>): boolean => protocol.toLowerCase() === 'https'
