import fp from 'fastify-plugin'
import {
  compileCertificateConsumers,
  ClientCertificateScheme,
} from '../../src/auth/client-certificate/client-certificate-scheme.ts'
import type { CertificateSettings } from '../../src/auth/client-certificate/client-certificate-schema.ts'
import { BootProblems, type Problem } from '../../src/errors.ts'
import { ForwardedHeaders } from '../../src/proxy/forwarded-headers.ts'

/** Client certificates, verified and forwarded by the proxies that end TLS. */
export default fp(
  async (app) => {
    const { clientCertificates: settings, trustProxy, via } = app.config
    if (!settings) return
    await app.addAuthScheme('clientCertificate', () => {
      refuseContradictions(settings, trustProxy)
      const forwarded = new ForwardedHeaders(trustProxy, via)
      return new ClientCertificateScheme(compileCertificateConsumers(settings), (socket) => forwarded.trusts(socket))
    })
  },
  { name: 'client-certificate', dependencies: ['auth-schemes'] },
)

function refuseContradictions(
  { consumers, anyTrusted, fromProxy }: CertificateSettings,
  trustProxy: readonly string[],
): void {
  const problems: Problem[] = []
  const say = (field: string, message: string): void => {
    problems.push({ file: 'configuration', field, message })
  }
  // goes when the listener speaks TLS
  if (!fromProxy) {
    say(
      'clientCertificates.fromProxy',
      'is not true, and the listener of this gateway has no TLS yet: let a proxy of trustProxy verify certificates and hand them on',
    )
  } else if (trustProxy.length === 0) {
    say('clientCertificates.fromProxy', 'is true, but no proxy is trusted: set trustProxy')
  }
  if (consumers.length === 0 && !anyTrusted) {
    say('clientCertificates', 'knows nobody: state consumers, or anyTrusted: true')
  }
  if (problems.length > 0) throw new BootProblems(problems)
}
