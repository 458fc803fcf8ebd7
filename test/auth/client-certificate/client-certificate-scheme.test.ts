import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import {
  compileCertificateConsumers,
  ClientCertificateScheme,
} from '../../../src/auth/client-certificate/client-certificate-scheme.ts'
import type { CertificateSettings } from '../../../src/auth/client-certificate/client-certificate-schema.ts'
import { Authority, hasOpenssl, type KeyAndCertificate } from './authority.ts'

if (!hasOpenssl) console.log('skipped: client certificates (install openssl)')
const options = { skip: !hasOpenssl && process.env.CI !== 'true', timeout: 60_000 }

const DAY = 86_400_000
const fingerprint = ({ cert }: KeyAndCertificate): string => new X509Certificate(cert).fingerprint256
const field = ({ cert }: KeyAndCertificate): string => `:${new X509Certificate(cert).raw.toString('base64')}:`

/** A real https server that asks for client certificates and answers what the scheme says. */
async function serve(
  t: TestContext,
  authority: Authority,
  settings: Partial<CertificateSettings>,
  clock = { ahead: 0 },
) {
  const scheme = new ClientCertificateScheme(
    compileCertificateConsumers({ consumers: [], anyTrusted: false, ...settings }),
    () => false,
    () => Date.now() + clock.ahead,
  )
  const server = createServer(
    { ...authority.sign('/CN=server'), ca: authority.cert, requestCert: true, rejectUnauthorized: false },
    (raw, response) => {
      const request = { headers: raw.headers, ip: '127.0.0.1', raw }
      let answer: unknown
      try {
        answer = scheme.authenticate(request)
      } catch (error) {
        answer = { code: (error as { code: string }).code }
      }
      response.end(JSON.stringify({ presented: scheme.isPresented(request), answer }))
    },
  ).listen(0, '127.0.0.1')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return (client: KeyAndCertificate | null, headers: Record<string, string> = {}) =>
    new Promise<any>((resolve, reject) => {
      httpsRequest(
        { port, host: '127.0.0.1', ca: authority.cert, headers, agent: false, ...(client ?? {}) },
        async (response) => {
          resolve(JSON.parse(Buffer.concat(await response.toArray()).toString()))
        },
      )
        .on('error', reject)
        .end()
    })
}

test('the certificate of a connection says who it is, once it is verified', options, async (t) => {
  const authority = new Authority(t)
  const ada = authority.sign('/O=Example/CN=ada')
  const bob = authority.sign('/O=Example/CN=bob')
  const clock = { ahead: 0 }
  const ask = await serve(
    t,
    authority,
    {
      consumers: [
        { name: 'billing', subject: { CN: 'ada', O: 'Example' }, scopes: ['a:read'], groups: ['g'] },
        { name: 'the bob', fingerprint256: fingerprint(bob).replaceAll(':', '').toLowerCase() },
      ],
    },
    clock,
  )
  const { presented, answer } = await ask(ada)
  assert.equal(presented, true)
  assert.deepEqual(answer, {
    id: 'billing',
    scheme: 'clientCertificate',
    scopes: ['a:read'],
    groups: ['g'],
    claims: { name: 'billing', fingerprint256: fingerprint(ada), subject: { O: 'Example', CN: 'ada' } },
  })
  assert.equal((await ask(bob)).answer.id, 'the bob')
  const refused = { presented: true, answer: { code: 'GW_UNAUTHORIZED' } }
  assert.deepEqual(await ask(null), { presented: false, answer: { code: 'GW_UNAUTHORIZED' } })
  assert.deepEqual(await ask(authority.sign('/O=Other/CN=ada')), refused)
  assert.deepEqual(await ask(authority.sign('/O=Example/CN=eve')), refused)
  assert.deepEqual(await ask(authority.sign('/O=Example/CN=eve/CN=ada')), refused, 'two names')
  assert.deepEqual(await ask(authority.sign('/O=Example/OU=x\nCN=ada')), refused, 'a name inside of another attribute')
  assert.deepEqual(await ask(authority.sign('/O=Example/CN=ada', -1)), refused, 'expired')
  assert.deepEqual(await ask(new Authority(t).sign('/O=Example/CN=ada')), refused, 'of another authority')
  // nobody is a proxy here
  assert.deepEqual(await ask(null, { 'client-cert': field(ada) }), {
    presented: false,
    answer: { code: 'GW_UNAUTHORIZED' },
  })
  clock.ahead = 2 * DAY
  assert.deepEqual(await ask(ada), refused, 'expired meanwhile')
})

test('with anyTrusted the common name is the consumer, unless the name is taken', options, async (t) => {
  const authority = new Authority(t)
  const root = authority.sign('/CN=root')
  const ask = await serve(t, authority, {
    anyTrusted: true,
    consumers: [{ name: 'root', fingerprint256: fingerprint(root), scopes: ['all'] }],
  })
  assert.deepEqual((await ask(root)).answer.scopes, ['all'])
  const { answer } = await ask(authority.sign('/O=x/CN=anybody'))
  assert.deepEqual([answer.id, answer.scopes], ['anybody', []])
  for (const subject of ['/O=impostor/CN=root', '/O=nameless', '/CN=a/CN=b']) {
    assert.equal((await ask(authority.sign(subject))).answer.code, 'GW_UNAUTHORIZED', subject)
  }
})

test('a certificate that a proxy hands on is believed from that proxy alone', options, (t) => {
  const authority = new Authority(t)
  const ada = authority.sign('/CN=ada')
  const old = authority.sign('/CN=ada', -1)
  const proxy = { remoteAddress: '10.0.0.1' }
  const scheme = new ClientCertificateScheme(
    compileCertificateConsumers({ consumers: [{ name: 'ada', subject: { CN: 'ada' } }], anyTrusted: false }),
    (socket) => socket === (proxy as unknown),
  )
  const ask = (value: string | undefined, socket: unknown = proxy) => {
    const request = {
      headers: value === undefined ? {} : { 'client-cert': value },
      ip: '192.0.2.1',
      raw: { rawHeaders: [], socket: socket as never },
    }
    const presented = scheme.isPresented(request)
    try {
      return { presented, id: scheme.authenticate(request).id }
    } catch (error) {
      return { presented, id: (error as { code: string }).code }
    }
  }
  for (let again = 0; again < 2; again++) assert.deepEqual(ask(field(ada)), { presented: true, id: 'ada' })
  assert.deepEqual(ask(field(ada), { remoteAddress: '10.0.0.2' }), { presented: false, id: 'GW_UNAUTHORIZED' })
  assert.deepEqual(ask(undefined), { presented: false, id: 'GW_UNAUTHORIZED' })
  // the proxy's own certificate is not the client's
  assert.deepEqual(
    ask(
      undefined,
      Object.assign(proxy, {
        encrypted: true,
        authorized: true,
        getPeerX509Certificate: () => new X509Certificate(ada.cert),
      }),
    ),
    { presented: false, id: 'GW_UNAUTHORIZED' },
  )
  for (const [wrong, text] of Object.entries({
    expired: field(old),
    'without colons': field(ada).slice(1, -1),
    two: `${field(ada)}, ${field(ada)}`,
    empty: '',
    'no bytes': '::',
    PEM: encodeURIComponent(ada.cert),
    'not DER': ':AAAA:',
    'no base64': ':****:',
    cut: `${field(ada).slice(0, 200)}:`,
    'too long': `:${'A'.repeat(20_000)}:`,
  })) {
    assert.deepEqual(ask(text), { presented: true, id: 'GW_UNAUTHORIZED' }, wrong)
  }
})

test('an entry that every certificate would fit is refused', () => {
  assert.throws(
    () => compileCertificateConsumers({ consumers: [{ name: 'a' }], anyTrusted: false }),
    /clientCertificates\.consumers\[0\]: would fit every certificate/,
  )
})
