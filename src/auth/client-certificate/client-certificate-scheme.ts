import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { gatehouseError, type GatehouseError, BootProblems } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import type { AuthRequest, AuthScheme } from '../scheme.ts'
import type { CertificateConsumer, CertificateSettings } from './client-certificate-schema.ts'

/**
 * Field by which a proxy hands a certificate on: a byte sequence of structured fields, which holds its DER (RFC 9440,
 * section 2.2).
 */
const HEADER = 'client-cert'
const BYTES = /^:([A-Za-z0-9+/]+={0,2}):$/
/** Longest field that is looked at, in characters. */
const LONGEST = 16_384
/** Most certificates that are remembered. */
const REMEMBERED = 1000

/** Whose certificate it is, and between which milliseconds since 1970. */
interface Known {
  consumer: Consumer | null
  from: number
  until: number
}

const NOBODY: Known = { consumer: null, from: 0, until: 0 }

/**
 * Client certificates: that of the TLS connection, if it has been verified against the authorities of the listener, or
 * one that a trusted proxy has verified and hands on (RFC 9440).
 */
export class ClientCertificateScheme implements AuthScheme {
  readonly name = 'clientCertificate'
  readonly credentials = { headers: [HEADER, 'client-cert-chain'] }
  readonly isAmbient = true
  readonly security = { type: 'mutualTLS' }
  readonly unguessable = true
  readonly #consumerOf: ConsumerOfCertificate
  readonly #believes: (socket: Socket) => boolean
  readonly #now: () => number
  readonly #connections = new WeakMap<Socket, Known>()
  readonly #handedOn = new Map<string, Known>()

  /** @param believes  whether what the other end of a connection says of certificates is true */
  constructor(consumerOf: ConsumerOfCertificate, believes: (socket: Socket) => boolean, now: () => number = Date.now) {
    this.#consumerOf = consumerOf
    this.#believes = believes
    this.#now = now
  }

  isPresented(request: AuthRequest): boolean {
    return this.#known(request) !== null
  }

  /** The certificate of a connection was verified when the connection was made. */
  recall(request: AuthRequest): Consumer | null {
    const known = this.#known(request)
    if (known === null || known.consumer === null) return null
    const now = this.#now()
    return now >= known.from && now < known.until ? known.consumer : null
  }

  authenticate(request: AuthRequest): Consumer {
    const consumer = this.recall(request)
    if (consumer === null) throw refusal()
    return consumer
  }

  /** What is known of the certificate; null when there is none. */
  #known({ headers, raw: { socket } }: AuthRequest): Known | null {
    if (!socket) return null
    // a proxy has a certificate of its own, which is not the client's
    if (this.#believes(socket)) return headers[HEADER] === undefined ? null : this.#fromHeader(String(headers[HEADER]))
    return isEncrypted(socket) ? this.#fromConnection(socket) : null
  }

  #fromConnection(socket: TLSSocket): Known | null {
    let known = this.#connections.get(socket)
    if (known === undefined) {
      const certificate = socket.getPeerX509Certificate?.()
      if (certificate === undefined) return null
      known = socket.authorized ? this.#judge(certificate) : NOBODY
      this.#connections.set(socket, known)
    }
    return known
  }

  #fromHeader(text: string): Known {
    let known = this.#handedOn.get(text)
    if (known === undefined) {
      const certificate = text.length > LONGEST ? null : parse(text)
      if (certificate === null) return NOBODY
      known = this.#judge(certificate)
      if (this.#handedOn.size >= REMEMBERED) this.#handedOn.delete(this.#handedOn.keys().next().value!)
      this.#handedOn.set(text, known)
    }
    return known
  }

  #judge(certificate: X509Certificate): Known {
    const { fingerprint256, validFromDate, validToDate } = certificate
    const subject = certificate.toLegacyObject().subject as unknown as Certificate['subject'] | undefined
    return {
      consumer: this.#consumerOf({ fingerprint256, subject: subject ?? {} }),
      from: validFromDate.getTime(),
      until: validToDate.getTime(),
    }
  }
}

const isEncrypted = (socket: Socket): socket is TLSSocket => (socket as TLSSocket).encrypted === true

function parse(text: string): X509Certificate | null {
  const [, encoded] = BYTES.exec(text) ?? []
  if (encoded === undefined) return null
  try {
    return new X509Certificate(Buffer.from(encoded, 'base64'))
  } catch {
    return null
  }
}

const refusal = (): GatehouseError =>
  gatehouseError('GW_UNAUTHORIZED', { detail: 'Connect with a client certificate that this gateway knows.' })

/** What of a certificate says whose it is. */
export interface Certificate {
  /** SHA-256 in capital hexadecimal digits, with colons. */
  fingerprint256: string
  /**
   * Attributes as Node takes them apart: never matched as one text, into which a value could smuggle another attribute.
   */
  subject: Readonly<Record<string, string | string[] | undefined>>
}

/** Finds the consumer of a certificate whose chain has been verified; null when it is nobody's. */
export type ConsumerOfCertificate = (certificate: Certificate) => Consumer | null

/**
 * Compiles `consumers` and `anyTrusted`.
 * @throws BootProblems when an entry states nothing to know its certificate by
 */
export function compileCertificateConsumers({
  consumers,
  anyTrusted,
}: Pick<CertificateSettings, 'consumers' | 'anyTrusted'>): ConsumerOfCertificate {
  const empty = consumers.flatMap(({ subject, fingerprint256 }, i) => ((subject ?? fingerprint256) ? [] : [i]))
  if (empty.length > 0) {
    throw new BootProblems(
      empty.map((i) => ({
        file: 'configuration',
        field: `clientCertificates.consumers[${i}]`,
        message: 'would fit every certificate: state subject or fingerprint256',
      })),
    )
  }
  const entries = consumers.map(compileEntry)
  const names = new Set(consumers.map(({ name }) => name))
  return (certificate) => {
    const entry = entries.find(({ fits }) => fits(certificate))
    if (entry) return consumer(entry.name, certificate, entry.scopes, entry.groups)
    const { CN } = certificate.subject
    // a name that has been given to one certificate is not for another to take
    return anyTrusted && typeof CN === 'string' && CN !== '' && !names.has(CN) ? consumer(CN, certificate) : null
  }
}

function compileEntry({ name, subject = {}, fingerprint256, scopes, groups }: CertificateConsumer) {
  const fingerprint = fingerprint256?.replaceAll(':', '').toUpperCase()
  const attributes = Object.entries(subject)
  return {
    name,
    scopes,
    groups,
    fits: (certificate: Certificate) =>
      (fingerprint === undefined || certificate.fingerprint256.replaceAll(':', '') === fingerprint) &&
      attributes.every(
        ([attribute, value]) =>
          Object.hasOwn(certificate.subject, attribute) && certificate.subject[attribute] === value,
      ),
  }
}

const consumer = (
  id: string,
  { fingerprint256, subject }: Certificate,
  scopes: readonly string[] = [],
  groups: readonly string[] = [],
): Consumer =>
  Object.freeze({
    id,
    scheme: 'clientCertificate' as const,
    scopes: Object.freeze([...scopes]),
    groups: Object.freeze([...groups]),
    claims: Object.freeze({ name: id, fingerprint256, subject: Object.freeze({ ...subject }) }),
  })
