import { webSocketAddress } from './gateway-address.ts'

/** What a command line needs to know of an operation. */
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

/** How to read a stream of events, which a page does not end to wait for. */
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

/** Path and query. A value that the user has to put in is a name in angle brackets. */
function target({ path, parameters, security }: TerminalCall): string {
  const required = (parameters as { in?: string; name: string; required?: boolean }[]).filter(
    (parameter) => parameter.in === 'query' && parameter.required,
  )
  const keys = security.filter((scheme) => scheme.type === 'apiKey' && scheme.in === 'query')
  const names = [...required, ...keys].map(({ name }) => String(name))
  const query = names.map((name) => `${encodeURIComponent(name)}=<${name}>`).join('&')
  // braces mean something to curl
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

/** One word of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

const code = (line: string): string => `\`\`\`sh\n${line}\n\`\`\``
