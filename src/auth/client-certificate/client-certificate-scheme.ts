import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { gatehouseError, type GatehouseError, BootProblems } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import { configuredConsumer, type Grants } from '../claims.ts'
import type { AuthRequest, AuthScheme } from '../scheme.ts'
import type { CertificateConsumer, CertificateSettings } from './client-certificate-schema.ts'

/**
 * Header in which a proxy forwards a certificate: a structured-field byte sequence with its DER (RFC 9440, section
 * 2.2).
 */
const HEADER = 'client-cert'
const BYTES = /^:([A-Za-z0-9+/]+={0,2}):$/
/** Longest header that is parsed, in characters. */
const LONGEST = 16_384
/** Most forwarded certificates that are cached. */
const REMEMBERED = 1000

/** The consumer of a certificate, and its validity in milliseconds since 1970. */
interface Known {
  consumer: Consumer | null
  from: number
  until: number
}

const NOBODY: Known = { consumer: null, from: 0, until: 0 }

/**
 * Client certificates: that of the TLS connection, verified against the authorities of the listener, or one that a
 * trusted proxy has verified and forwards (RFC 9440).
 */
export class ClientCertificateScheme implements AuthScheme {
  readonly name = 'clientCertificate'
  readonly credentials = { headers: [HEADER, 'client-cert-chain'] }
  readonly isAmbient = true
  readonly security = { type: 'mutualTLS' }
  readonly unguessable = true
  readonly #consumerOf: ConsumerOfCertificate
  readonly #trusts: (socket: Socket) => boolean
  readonly #now: () => number
  readonly #connections = new WeakMap<Socket, Known>()
  readonly #forwarded = new Map<string, Known>()

  /** @param trusts  whether a connection is from a proxy whose `Client-Cert` is trusted */
  constructor(consumerOf: ConsumerOfCertificate, trusts: (socket: Socket) => boolean, now: () => number = Date.now) {
    this.#consumerOf = consumerOf
    this.#trusts = trusts
    this.#now = now
  }

  isPresented(request: AuthRequest): boolean {
    return this.#known(request) !== null
  }

  /** The certificate of a connection was verified during its TLS handshake. */
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

  /** The certificate with its consumer; null without a certificate. */
  #known({ headers, raw: { socket } }: AuthRequest): Known | null {
    if (!socket) return null
    // the certificate of the connection is that of the proxy, not of the client
    if (this.#trusts(socket)) return headers[HEADER] === undefined ? null : this.#fromHeader(String(headers[HEADER]))
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
    let known = this.#forwarded.get(text)
    if (known === undefined) {
      const certificate = text.length > LONGEST ? null : parse(text)
      if (certificate === null) return NOBODY
      known = this.#judge(certificate)
      if (this.#forwarded.size >= REMEMBERED) this.#forwarded.delete(this.#forwarded.keys().next().value!)
      this.#forwarded.set(text, known)
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

/** The parts of a certificate that identify its consumer. */
export interface Certificate {
  /** SHA-256 in capital hexadecimal digits, with colons. */
  fingerprint256: string
  /** Attributes as parsed by Node. Matching them as one text would let a value imitate another attribute. */
  subject: Readonly<Record<string, string | string[] | undefined>>
}

/** Finds the consumer of a verified certificate; null when there is none. */
export type ConsumerOfCertificate = (certificate: Certificate) => Consumer | null

/**
 * Compiles `consumers` and `anyTrusted`.
 * @throws BootProblems when an entry states neither subject nor fingerprint
 */
export function compileCertificateConsumers(
  settings: Pick<CertificateSettings, 'consumers' | 'anyTrusted'>,
): ConsumerOfCertificate {
  const { consumers, anyTrusted } = settings
  const empty = consumers.flatMap(({ subject, fingerprint256 }, i) => ((subject ?? fingerprint256) ? [] : [i]))
  if (empty.length > 0) {
    const message = 'would fit every certificate: state subject or fingerprint256'
    throw new BootProblems(
      empty.map((i) => ({ file: 'configuration', field: `clientCertificates.consumers[${i}]`, message })),
    )
  }
  const entries = consumers.map(compileEntry)
  const names = new Set(consumers.map(({ name }) => name))
  return (certificate) => {
    const entry = entries.find(({ fits }) => fits(certificate))
    if (entry) return consumer(entry.name, certificate, entry)
    const { CN } = certificate.subject
    // a CN equal to a configured name would impersonate that consumer
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

const consumer = (id: string, { fingerprint256, subject }: Certificate, grants?: Grants): Consumer =>
  configuredConsumer(
    id,
    'clientCertificate',
    { name: id, fingerprint256, subject: Object.freeze({ ...subject }) },
    grants,
  )
