import { SchemeUse, type SchemeName } from '../auth/auth-schema.ts'
import { followReference } from '../schema/local-reference.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import type { ApiDocument } from '../schema/types.ts'

/** A security scheme of a document, and the gateway's scheme that replaces it. */
export interface MappedScheme {
  name: string
  scheme: string
  /** Its description in the document. */
  about: string
}

/** The data from which an upstream file is written. */
export interface UpstreamFacts {
  name: string
  title: string
  prefix: string
  /** Null when no target is known: then the upstream is a mock. */
  target: string | null
  /** Its path in the form used in the upstream file. */
  document: string
  /** How faults in the document are handled; absent for the default. */
  faults?: string
  /** The URL that it was fetched from, if any. */
  source?: string
  operations: number
  /** The `auth` of the whole upstream; null when the gateway has one to inherit. */
  auth: string | null
  schemes: readonly MappedScheme[]
}

/** Text as a TypeScript string literal, escaped so that no text can end the literal. */
export function literal(text: string): string {
  const body = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${body.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''))}'`
}

const key = (name: string): string =>
  name === '__proto__' ? "['__proto__']" : /^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name)

/** Text as a single line, cut to a length that fits a comment or a terminal. */
export function oneLine(text: string, most = 100): string {
  const line = text.replaceAll(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ').trim()
  return line.length > most ? `${line.slice(0, most - 3)}...` : line
}

/** A complete upstream file. */
export function upstreamText(facts: UpstreamFacts): string {
  const { name, title, prefix, target, source, operations, auth } = facts
  return `import { defineUpstream } from 'gatehouse'

// ${oneLine(title)}: ${operations === 1 ? 'one operation' : `${operations} operations`}${source === undefined ? '' : `, fetched from ${oneLine(source, 300)}`}
export default defineUpstream({
  name: ${literal(name)},
  description: ${literal(oneLine(title, 200))},
  // clients call /... of the document below this path, the service gets it without
  prefix: ${literal(prefix)},
${prefix === '/' ? '' : '  stripPrefix: true,\n'}${
    target === null
      ? `  // answers from the examples and schemas of the document; when the service is there, take it away and state
  // targets: ['http://orders-1:4001', 'http://orders-2:4001'],
  mock: true,
`
      : `  // of several, 'balance' says which gets a request
  targets: [${literal(target)}],
`
  }${documentText(facts)}${
    auth === null
      ? ''
      : auth === 'none'
        ? "  // everybody may call: state a scheme such as { jwt: { scopes: ['orders:read'] } } to change that\n  auth: 'none',\n"
        : `  // ${facts.schemes.length > 0 ? 'who may call the operations for which the document asks for nothing' : 'who may call'}
  auth: { ${key(auth)}: {} },
`
  }${
    target === null
      ? ''
      : `  // requests that break the document are logged and counted, and still sent; when there are none left, 'enforce' refuses them
  requestValidation: 'report',
  // the same for responses
  // responseValidation: 'report',
`
  }  // rateLimit: { max: 100, window: '1 minute' },
  routes: [
    // one with the method and path of an operation goes before it, field by field:
    // { method: 'GET', url: '/orders/:id', cache: { ttl: '10s' } },
  ],
})
`
}

function documentText({ document, schemes, faults }: UpstreamFacts): string {
  if (schemes.length === 0 && faults === undefined) {
    return `  // file below the folder 'openapi'; paths that it does not have are answered 404\n  openapi: ${literal(document)},\n`
  }
  const mode =
    faults === undefined
      ? ''
      : `    // 'omit' leaves out operations with a fault, 'loosen' lets a schema with one allow everything; 'gatehouse check' lists them
    faults: ${literal(faults)},
`
  const mapping =
    schemes.length === 0
      ? ''
      : `    // security scheme of the document: scheme of the gateway. Scopes that an operation asks for are asked for here too
    security: {
${schemes.map(({ name, scheme, about }) => `      // ${oneLine(about, 300)}\n      ${key(name)}: { ${key(scheme)}: {} },\n`).join('')}    },
`
  return `  openapi: {
    // file below the folder 'openapi'; paths that it does not have are answered 404
    document: ${literal(document)},
${mode}${mapping}  },
`
}

/** Names of the gateway's authentication schemes. */
export const SCHEMES = Object.keys(SchemeUse.properties) as SchemeName[]
/** `name` of an upstream. */
export const UPSTREAM_NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/
const PREFIX = /^(\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)*\/?$/
const MOST_NAME = 40

/** Makes a valid upstream name of any text; null when the text has no usable characters. */
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
 * The address of the service in the document: the first server with an absolute URL. Variables get their defaults.
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

/** Path segments that do not identify an API. */
const COMMON = /^(?:api|apis|rest|v\d+(?:\.\d+)*)$/i

/** The path of the server if it identifies the API, else the name. */
export function prefixFrom(server: URL | null, name: string): string {
  const path = server?.pathname.replace(/\/+$/, '') ?? ''
  return path.split('/').some((part) => part !== '' && !COMMON.test(part)) && isPrefix(path) ? path : `/${name}`
}

/** The gateway's scheme that is closest to a scheme of a document. */
function nearest({ type, scheme }: SchemaObject): SchemeName {
  if (type === 'apiKey') return 'apiKey'
  if (type === 'mutualTLS') return 'clientCertificate'
  return type === 'http' && String(scheme).toLowerCase() === 'basic' ? 'basic' : 'jwt'
}

/**
 * Maps each scheme that the operations of a document require to a scheme of the gateway.
 * @param wanted  scheme to use for all of them
 * @param known   schemes that are configured in the gateway; if there are none, `jwt` is used
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
