import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import clientCertificate from '../../../plugins/auth/client-certificate.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { Authority, hasOpenssl } from '../../auth/client-certificate/authority.ts'
import { startBackend } from '../../support/backend.ts'
import { startGateway } from '../../support/gateway.ts'
import { stageApp } from './stage-app.ts'

const options = { skip: !hasOpenssl && process.env.CI !== 'true' }

test(
  'a certificate that a trusted proxy hands on says who it is, and the upstream does not see it',
  options,
  async (t) => {
    const backend = await startBackend(t)
    const files = {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { clientCertificate: { scopes: ['s'] } },
        identityHeaders: { 'x-user': 'sub', 'x-org': 'subject.O' },
        routes: [{ method: 'GET', url: '/x' }],
      },
    }
    const clientCertificates = {
      fromProxy: true,
      consumers: [
        { name: 'ada', subject: { CN: 'ada' }, scopes: ['s'] },
        { name: 'bob', subject: { CN: 'bob' } },
      ],
    }
    const trusting = await startGateway(t, files, { trustProxy: ['127.0.0.1'], clientCertificates })
    const distant = await startGateway(t, files, { trustProxy: ['10.0.0.0/8'], clientCertificates })
    const authority = new Authority(t)
    const [ada, bob] = ['/O=Example/CN=ada', '/CN=bob'].map(
      (subject) => `:${new X509Certificate(authority.sign(subject).cert).raw.toString('base64')}:`,
    )
    const ask = (url: string, certificate?: string) =>
      fetch(`${url}/x`, {
        headers: certificate === undefined ? {} : { 'client-cert': certificate, 'client-cert-chain': ':AAAA:' },
      })
    assert.equal((await ask(trusting.url, ada)).status, 200)
    const { headers } = backend.received[0]!
    assert.deepEqual(
      [headers['x-user'], headers['x-org'], headers['client-cert'], headers['client-cert-chain']],
      ['ada', 'Example', undefined, undefined],
    )
    assert.equal((await ask(trusting.url, bob)).status, 403)
    assert.equal((await ask(trusting.url)).status, 401)
    assert.equal((await ask(distant.url, ada)).status, 401, 'nobody but a proxy is believed')
  },
)

test('settings that could never let anybody in stop the boot', async (t) => {
  for (const [config, message] of [
    [
      { clientCertificates: { anyTrusted: true } },
      /fromProxy: is not true, and the listener of this gateway has no TLS yet/,
    ],
    [{ clientCertificates: { anyTrusted: true, fromProxy: true } }, /fromProxy: is true, but no proxy is trusted/],
    [{ clientCertificates: { fromProxy: true }, trustProxy: ['::1'] }, /clientCertificates: knows nobody/],
    [
      { clientCertificates: { fromProxy: true, consumers: [{ name: 'a' }] }, trustProxy: ['::1'] },
      /consumers\[0\]: would fit every certificate/,
    ],
  ] as const) {
    const app = await stageApp(t, { config: config as ConfigInput })
    await assert.rejects(
      async () => app.register(clientCertificate),
      (error: Error) => error.name === 'BootProblems' && message.test(error.message),
      String(message),
    )
  }
})
