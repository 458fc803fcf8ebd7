import { type SchemeName, SchemeUse } from '../auth/auth-schema.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { followReference } from '../openapi/local-reference.ts'
import type { ApiDocument } from '../schema/types.ts'
import type { MappedScheme } from './upstream-text.ts'

/** Names of the gateway's schemes. */
export const SCHEMES = Object.keys(SchemeUse.properties) as SchemeName[]
/** `name` of an upstream. */
export const UPSTREAM_NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/
const PREFIX = /^(\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)*\/?$/
const MOST_NAME = 40

/** A name that a text gives, whatever is in it; null when it gives none. */
export function nameFrom(text: unknown): string | null {
  if (typeof text !== 'string') return null
  const words = text
    .slice(0, 1000)
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MOST_NAME + 1)
    .replaceAll(/^-+|-+$/g, '')
  const name = words.length > MOST_NAME ? words.slice(0, MOST_NAME).replace(/-[^-]*$/, '') : words
  return UPSTREAM_NAME.test(name) ? name : null
}

/** Whether a path can be the prefix of an upstream. */
export const isPrefix = (path: string): boolean => PREFIX.test(path)

/**
 * Where the document says that its service runs: the first server with an absolute URL, variables with their defaults.
 * @param base  URL of the document
 */
export function serverUrl({ root }: ApiDocument, base?: string): URL | null {
  for (const server of Array.isArray(root.servers) ? (root.servers as unknown[]) : []) {
    if (!isObject(server) || typeof server.url !== 'string') continue
    const text = server.url.replaceAll(/\{([^{}]*)\}/g, (_, name: string) =>
      isObject(server.variables) && Object.hasOwn(server.variables, name)
        ? String(server.variables[name]?.default ?? '')
        : '',
    )
    const url = URL.parse(text, base)
    if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url
  }
  return null
}

/** Parts of a path that do not tell one API from another. */
const COMMON = /^(?:api|apis|rest|v\d+(?:\.\d+)*)$/i

/** The path of the server when it tells which API it is, else the name. */
export function prefixFrom(server: URL | null, name: string): string {
  const path = server?.pathname.replace(/\/+$/, '') ?? ''
  return path.split('/').some((part) => part !== '' && !COMMON.test(part)) && isPrefix(path) ? path : `/${name}`
}

/** The scheme of the gateway that a scheme of a document is nearest to. */
function nearest({ type, scheme }: SchemaObject): SchemeName {
  if (type === 'apiKey') return 'apiKey'
  if (type === 'mutualTLS') return 'clientCertificate'
  return type === 'http' && String(scheme).toLowerCase() === 'basic' ? 'basic' : 'jwt'
}

/**
 * The schemes that the operations of a document ask for, each with one of the gateway.
 * @param wanted  scheme that stands for all of them
 * @param known   schemes that the gateway has settings for; where there are none, a token stands in
 */
export function mappedSchemes(
  { root, operations }: ApiDocument,
  wanted: SchemeName | undefined,
  known: readonly string[],
): MappedScheme[] {
  const scopes = new Map<string, Set<string>>()
  for (const requirement of operations.flatMap(({ security }) => security ?? [])) {
    for (const [name, list] of Object.entries(requirement)) {
      const found = scopes.get(name) ?? new Set()
      for (const scope of list) found.add(scope)
      scopes.set(name, found)
    }
  }
  const stated: SchemaObject = isObject(root.components?.securitySchemes) ? root.components.securitySchemes : {}
  return [...scopes].map(([name, list]) => {
    const object = Object.hasOwn(stated, name) ? (followReference(root, stated[name], '')?.object ?? {}) : {}
    const near = nearest(object)
    const scheme = wanted ?? (known.includes(near) ? near : 'jwt')
    const kind = [object.type, object.scheme, object.in === undefined ? undefined : `"${object.name}" in ${object.in}`]
      .filter((part) => part !== undefined)
      .join(' ')
    const about = [
      kind,
      list.size > 0 ? `with the scopes ${[...list].join(', ')}` : '',
      wanted === undefined && scheme !== near ? `(the configuration has no ${near}: a token stands for it)` : '',
    ]
      .filter(Boolean)
      .join(' ')
    return { name, scheme, about }
  })
}
