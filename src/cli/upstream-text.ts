/** A security scheme of a document, and the scheme of the gateway that stands for it. */
export interface MappedScheme {
  name: string
  scheme: string
  /** What the document says of it. */
  about: string
}

/** What an upstream file is written from. */
export interface UpstreamFacts {
  name: string
  title: string
  prefix: string
  /** Null when nobody knows one: then the upstream is a mock. */
  target: string | null
  /** As the upstream file names it. */
  document: string
  /** What happens to its faults; absent for the default. */
  faults?: string
  /** Where it was taken from, when from a URL. */
  source?: string
  operations: number
  /** Of the whole upstream; null when the gateway states one. */
  auth: string | null
  schemes: readonly MappedScheme[]
}

/** Text as a literal of TypeScript, which no text gets out of. */
export function literal(text: string): string {
  const body = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${body.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''))}'`
}

const key = (name: string): string =>
  name === '__proto__' ? "['__proto__']" : /^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name)

/** Text as one line, short enough for a comment or a terminal. */
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
