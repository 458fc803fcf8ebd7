import type { FastifyRequest } from 'fastify'
import type { Target } from '../upstream/target.ts'

/** Value of `Host` for a target. HTTP/1.0 clients may send none. */
export const hostFor = ({ raw }: FastifyRequest, target: Target, preserveHost: boolean): string =>
  preserveHost ? raw.headers.host ?? target.host : target.host
