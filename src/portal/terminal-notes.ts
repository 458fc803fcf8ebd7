import type { AuthForm, Requirement, AuthDeclaration } from '../auth/auth-schema.ts'
import { byText, limitText, type LimitRule, type LimitDeclaration } from '../limits/limit-schema.ts'
import type { ApiDocument, ApiOperation } from '../schema/types.ts'

/** What a command line for an operation is made from. */
export interface TerminalCall {
  method: string
  /** Address of the gateway, such as `https://api.example.com`. */
  address: string
  /** Path with parameters in braces, as in the document. */
  path: string
  parameters: readonly unknown[]
  /** First media type of the request body, if there is a body. */
  mediaType?: string
  /** Security Scheme Objects of the credentials to send. */
  security: readonly Readonly<Record<string, any>>[]
}

/** How to read an event stream on a terminal, since a page would wait for its end. */
export function streamNote(call: TerminalCall): string {
  const method = call.method === 'GET' ? [] : ['-X', call.method]
  const type = `Content-Type: ${call.mediaType}`
  const body = call.mediaType === undefined ? [] : ['-H', quoted(type), '-d', quoted('<body>')]
  const url = quoted(call.address + target(call))
  const line = ['curl -N', ...method, url, ...credentials(call, '-u'), ...body].join(' ')
  return `The response is a stream of events (Server-Sent Events). On a terminal:\n\n${code(line)}`
}

/** How to open a WebSocket, which a page of documentation cannot. */
export function socketNote(call: TerminalCall): string {
  const url = quoted(webSocketAddress(call.address) + target(call))
  const line = ['wscat -c', url, ...credentials(call, '--auth')].join(' ')
  return `This route can be upgraded to a WebSocket, which this page cannot do. On a terminal:\n\n${code(line)}`
}

/** Path and query. A value that the user has to enter is a name in angle brackets. */
function target({ path, parameters, security }: TerminalCall): string {
  const required = (parameters as { in?: string; name: string; required?: boolean }[]).filter(
    (parameter) => parameter.in === 'query' && parameter.required,
  )
  const keys = security.filter((scheme) => scheme.type === 'apiKey' && scheme.in === 'query')
  const names = [...required, ...keys].map(({ name }) => String(name))
  const query = names.map((name) => `${encodeURIComponent(name)}=<${name}>`).join('&')
  // braces are special to curl
  return path.replace(/\{([^{}]+)\}/g, '<$1>') + (query && `?${query}`)
}

/** @param userOption  the option for name and password */
function credentials({ security }: TerminalCall, userOption: string): string[] {
  return security.flatMap(({ type, scheme, in: place, name }) => {
    if (type === 'http' && scheme === 'bearer') return ['-H', quoted('Authorization: Bearer <token>')]
    if (type === 'http' && scheme === 'basic') return [userOption, quoted('<user>:<password>')]
    if (type === 'mutualTLS') return ['--cert <certificate.pem> --key <key.pem>']
    if (type === 'apiKey' && place === 'header') return ['-H', quoted(`${name}: <key>`)]
    if (type === 'apiKey' && place === 'cookie') return ['-H', quoted(`Cookie: ${name}=<value>`)]
    return []
  })
}

/** Quotes a word for a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

const code = (line: string): string => `\`\`\`sh\n${line}\n\`\`\``

/** Describes who may call an operation, and how often. */
export function accessNotes({ mode, optional, uses }: AuthForm, limits: readonly LimitRule[]): string[] {
  const said: string[] = []
  const wanted = [...new Set(uses.map(({ requirement }) => requirementText(requirement)))].filter((text) => text !== '')
  if (wanted.length > 0) said.push(`Requires ${wanted.join(mode === 'all' ? '; and ' : '; or ')}.`)
  if (optional && uses.length > 0) said.push('Credentials are optional.')
  for (const limit of limits) said.push(`At most ${limitText(limit)} for each ${byText(limit.by)}.`)
  return said
}

function requirementText({ scopes = [], groups = [], claims = {} }: Requirement): string {
  const code = (names: readonly string[], word: string): string => names.map((name) => `\`${name}\``).join(word)
  return [
    ...(scopes.length > 0 ? [`scope ${code(scopes, ' and ')}`] : []),
    ...(groups.length > 0 ? [`group ${code(groups, ' or ')}`] : []),
    ...(Object.keys(claims).length > 0 ? [`claim ${code(Object.keys(claims), ' and ')}`] : []),
  ].join(', ')
}

/** Describes a route with the same method and path, which has no place of its own in the document. */
export function otherNote(
  { config: { hosts, upstream }, constraints }: DocumentedRoute,
  { config }: DocumentedRoute,
): string {
  const whose = upstream === undefined ? '' : ` of the upstream \`${upstream}\``
  const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')
  if (constraints?.headers) {
    const headers = Object.entries(constraints.headers).map((header) => header.join(': '))
    return `Requests with ${listed(headers)} get another operation${whose}.`
  }
  const where = hosts === undefined ? 'on all other hosts' : `on ${listed(hosts)}`
  if (hosts?.join() === config.hosts?.join()) return `Some requests get another operation${whose}.`
  return `This path has another operation ${where}${upstream === undefined ? '' : `: see the document${whose}`}.`
}

/** The part of a Fastify route that documents show. */
export interface DocumentedRoute {
  method: string | readonly string[]
  url: string
  schema?: Record<string, any>
  /** Conditions of the router; `headers` that a request must have. */
  constraints?: { readonly headers?: Readonly<Record<string, string>> }
  config: {
    auth?: AuthDeclaration
    limit?: LimitDeclaration | false
    limits?: readonly LimitRule[]
    upstream?: string
    upstreamDescription?: string
    api?: { readonly document: ApiDocument; readonly operation: ApiOperation }
    requestValidation?: 'off' | 'report' | 'enforce'
    hosts?: readonly string[]
    responses?: Record<string, object>
    consumes?: readonly string[]
    publicUrl?: string
    redirect?: string
    websocket?: boolean
    passThrough?: boolean
  }
}

const PLACE = '//gateway-address.gatehouse.invalid'

/** Stands in documents for the address of the gateway, which is known when a client requests the document. */
export const GATEWAY_ADDRESS = `http:${PLACE}`

/** The address of a WebSocket on the same host: `wss:` for `https:`. */
const webSocketAddress = (address: string): string => address.replace(/^http/, 'ws')

export const holdsAddress = (text: string): boolean => text.includes(PLACE)

/**
 * Writes the address of the gateway into a document, in place of the reserved host name.
 * @param address  such as `https://api.example.com`; a valid host, since it becomes part of JSON and YAML
 */
export function addressed(text: string, address: string): string {
  if (!holdsAddress(text)) return text
  return text
    .replaceAll(GATEWAY_ADDRESS, () => address)
    .replaceAll(webSocketAddress(GATEWAY_ADDRESS), () => webSocketAddress(address))
}

/**
 * The address at which clients reach a route, without a trailing slash.
 * @param hosts   those of the route
 * @param server  URL of the first server of the document
 */
export function addressOf(hosts: readonly string[] | undefined, server = '/'): string {
  // a wildcard stands for any label
  if (hosts) return `https://${hosts[0]!.replace('*', 'www')}`
  return (/^https?:\/\//.test(server) ? server : GATEWAY_ADDRESS + server).replace(/\/+$/, '')
}
