import type { FastifyHelmetOptions } from '@fastify/helmet'
import { milliseconds } from '../units.ts'
import type { SecurityRules } from './browser-schema.ts'
import type { FastifyRequest } from 'fastify'

const YEAR = 365 * 86_400

/** The rules as options of @fastify/helmet. */
export function helmetOptions({
  strictTransportSecurity,
  contentSecurityPolicy = false,
  frameOptions = 'SAMEORIGIN',
  referrerPolicy = 'strict-origin-when-cross-origin',
  contentTypeOptions = true,
  crossOriginOpenerPolicy = false,
  crossOriginResourcePolicy = false,
}: SecurityRules): FastifyHelmetOptions {
  const off = <Name extends string>(...names: Name[]) =>
    Object.fromEntries(names.map((name) => [name, false])) as Record<Name, false>
  const policy = <Policy>(value: Policy | false): { policy: Policy } | false =>
    value === false ? false : { policy: value }
  return {
    // for the pages of a single application, or for browsers that no longer exist
    ...off(
      'crossOriginEmbedderPolicy',
      'originAgentCluster',
      'xDnsPrefetchControl',
      'xDownloadOptions',
      'xPermittedCrossDomainPolicies',
      'xPoweredBy',
      'xXssProtection',
    ),
    strictTransportSecurity:
      strictTransportSecurity === false
        ? false
        : strictTransportSecurity === undefined
          ? { maxAge: YEAR }
          : { ...strictTransportSecurity, maxAge: Math.floor(milliseconds(strictTransportSecurity.maxAge) / 1000) },
    contentSecurityPolicy:
      contentSecurityPolicy === false ? false : { useDefaults: false, directives: contentSecurityPolicy },
    xFrameOptions: frameOptions === false ? false : { action: frameOptions === 'DENY' ? 'deny' : 'sameorigin' },
    xContentTypeOptions: contentTypeOptions,
    referrerPolicy: policy(referrerPolicy),
    crossOriginOpenerPolicy: policy(crossOriginOpenerPolicy),
    crossOriginResourcePolicy: policy(crossOriginResourcePolicy),
  } as FastifyHelmetOptions
}

/** Names of the headers that the rules set. */
export function securityHeaderNames(rules: SecurityRules): string[] {
  const stated: [unknown, string][] = [
    [rules.strictTransportSecurity ?? true, 'strict-transport-security'],
    [rules.contentSecurityPolicy ?? false, 'content-security-policy'],
    [rules.frameOptions ?? true, 'x-frame-options'],
    [rules.referrerPolicy ?? true, 'referrer-policy'],
    [rules.contentTypeOptions ?? true, 'x-content-type-options'],
    [rules.crossOriginOpenerPolicy ?? false, 'cross-origin-opener-policy'],
    [rules.crossOriginResourcePolicy ?? false, 'cross-origin-resource-policy'],
  ]
  return stated.flatMap(([value, name]) => (value === false ? [] : [name]))
}

/** The field that makes browsers insist on TLS. */
export const HSTS = 'strict-transport-security'

/** Whether the client came over TLS: to this gateway, or to a trusted proxy that reports so in `X-Forwarded-Proto`. */
export const isSecure = ({ protocol }: Pick<FastifyRequest, 'protocol'>): boolean => protocol.toLowerCase() === 'https'
