import Type, { type Static } from 'typebox'
import { targetBalanceFields } from '../traffic/balancing/balancer-schema.ts'

const Pem = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))

/** `tls` of a target. */
export const TargetTls = Type.Object(
  {
    verify: Type.Optional(Type.Boolean({ description: 'Verifies the certificate of the target. Default: true.' })),
    serverName: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Name for SNI and for the check of the certificate. Default: the host of the target.',
      }),
    ),
    ca: Pem('PEM of the authorities to trust instead of the public ones.'),
    caFile: Pem(
      'File with `ca`, relative to the folder of the configuration, like the other files. A changed file is used for new connections.',
    ),
    cert: Pem('PEM of the client certificate that the gateway presents, with its chain.'),
    certFile: Pem('File of `cert`.'),
    key: Type.Optional(
      Type.String({
        minLength: 1,
        writeOnly: true,
        description: 'PEM of the private key of `cert`, without a passphrase.',
      }),
    ),
    keyFile: Pem('File of `key`.'),
    minVersion: Type.Optional(
      Type.Enum(['TLSv1.2', 'TLSv1.3'], { description: 'Lowest version of TLS. Default: `TLSv1.2`.' }),
    ),
  },
  { additionalProperties: false, description: 'How connections to an https target are secured.' },
)
export type TargetTls = Static<typeof TargetTls>

const dialFields = {
  version: Type.Optional(
    Type.String({ minLength: 1, description: 'The version in `split` to which the target belongs.' }),
  ),
  http2: Type.Optional(
    Type.Union([Type.Boolean(), Type.Literal('prior-knowledge')], {
      title: 'true, false, or "prior-knowledge"',
      description:
        'HTTP/2 to the target. `true`: for https, where the target may still choose HTTP/1.1. `prior-knowledge`: for http. WebSockets always use HTTP/1.1. Default: false.',
    }),
  ),
  tls: Type.Optional(TargetTls),
}

const UrlTarget = Type.Object(
  {
    url: Type.String({
      pattern: '^(https?://|unix:/)',
      title: 'http or https URL, or "unix:" and a path',
      description:
        'Address of the service. Its path is put before every forwarded path. `unix:/run/app.sock` is a socket of this machine.',
    }),
    socket: Type.Optional(
      Type.String({
        pattern: '^/',
        title: 'absolute path',
        description: 'Unix socket to connect to. `url` then states scheme, `Host` and path.',
      }),
    ),
    ...targetBalanceFields,
    ...dialFields,
  },
  { additionalProperties: false, description: 'A target at an address.' },
)
export type UrlTarget = Static<typeof UrlTarget>

const SrvTarget = Type.Object(
  {
    srv: Type.String({
      pattern: '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*\\.?$',
      title: 'name of SRV records, such as "_http._tcp.orders.internal"',
      description: 'Name of SRV records (RFC 2782). Each record is a target with its host, port, priority and weight.',
    }),
    scheme: Type.Optional(
      Type.Enum(['http', 'https'], { description: 'Default: `https` for a service `_https`, else `http`.' }),
    ),
    maxConnections: targetBalanceFields.maxConnections,
    ...dialFields,
  },
  { additionalProperties: false, description: 'Targets that SRV records name.' },
)
export type SrvTarget = Static<typeof SrvTarget>

const FileTargets = Type.Object(
  {
    file: Type.String({
      minLength: 1,
      description:
        'YAML or JSON file with a list of targets, relative to the folder of the configuration. Changes take effect at once. A file with a mistake changes nothing, and the log reports it.',
    }),
  },
  { additionalProperties: false, description: 'Targets that a file lists.' },
)
export type FileTargets = Static<typeof FileTargets>

const SHORT = 'URL, "unix:/path", "srv:name"'
const ListedTarget = Type.Union(
  [Type.String({ pattern: '^(https?://|unix:/|srv:[A-Za-z0-9_])' }), UrlTarget, SrvTarget],
  { title: `${SHORT}, { url, socket, weight, priority, maxConnections, version, http2, tls } or { srv, scheme, ... }` },
)
export type ListedTarget = Static<typeof ListedTarget>

/** The content of a file of targets. */
export const TargetList = Type.Array(ListedTarget, { maxItems: 1000 })

/** The forms of a target, in words. */
export const TARGET_TITLE = `${SHORT}, "file:path", { url, socket, weight, priority, maxConnections, version, http2, tls }, { srv, scheme, ... } or { file }`
/** A target in its short form. */
export const TargetText = Type.String({ pattern: '^(https?://|unix:/|srv:[A-Za-z0-9_]|file:.)' })

/** An item of `targets`. */
export const TargetDeclaration = Type.Union([TargetText, UrlTarget, SrvTarget, FileTargets], { title: TARGET_TITLE })
export type TargetDeclaration = Static<typeof TargetDeclaration>

/** The long form of a declaration. */
export type TargetEntry = UrlTarget | SrvTarget | FileTargets

/** A declaration with its short forms written out. */
export function targetEntry(declaration: TargetDeclaration): TargetEntry {
  if (typeof declaration !== 'string') return declaration
  if (declaration.startsWith('srv:')) return { srv: declaration.slice(4) }
  return declaration.startsWith('file:') ? { file: declaration.slice(5) } : { url: declaration }
}
