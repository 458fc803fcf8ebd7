import { BootProblems } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import type { CertificateConsumer, CertificateSettings } from './client-certificate-schema.ts'

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
