import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { BootProblems } from '../../src/errors.ts'
import { Authority, hasOpenssl } from '../auth/client-certificate/authority.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const options = { skip: hasOpenssl ? false : 'openssl is needed' }

/** A TLS backend that answers with the SNI name and the client certificate that it was shown. */
async function startSecure(t: TestContext, tls: ServerOptions): Promise<{ url: string; connections: () => number }> {
  let connections = 0
  const server = createServer(tls, (request, response) => {
    const socket = request.socket as TLSSocket
    response.end(
      JSON.stringify({
        sni: (socket as { servername?: string | false }).servername || null,
        client: socket.getPeerCertificate().subject?.CN ?? null,
        protocol: socket.getProtocol(),
      }),
    )
  })
  server.on('secureConnection', () => connections++)
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections }
}

const upstream = (targets: unknown[], more: object = {}) => ({
  'a.json': { name: 'a', prefix: '/a', auth: 'none', targets, passThrough: true, ...more },
})

/** The status, and what the log says for a failure. */
async function outcome({ app, url }: Gateway): Promise<{ status: number; reason: string; body: string }> {
  let reason = ''
  // requests write to the logger that the one of the app is made of
  Object.getPrototypeOf(app.log).error = (line: { reason: string }) => {
    reason = line.reason
  }
  const response = await fetch(`${url}/a/`)
  return { status: response.status, reason, body: await response.text() }
}

test('https targets', options, async (t) => {
  const authority = new Authority(t)
  const other = new Authority(t, 'another authority')
  const good = authority.sign('/CN=orders')
  const clientPair = authority.sign('/CN=gateway')

  await t.test(
    'a certificate of a known authority is accepted, and no variable of the environment is needed',
    async (t) => {
      const { url } = await startSecure(t, good)
      const { status, body } = await outcome(await startGateway(t, upstream([{ url, tls: { ca: authority.cert } }])))
      assert.equal(status, 200)
      assert.deepEqual(JSON.parse(body), { sni: null, client: null, protocol: 'TLSv1.3' })
    },
  )

  const expired = authority.sign('/CN=orders', -1)
  const wrong: [what: string, server: ServerOptions, tls: object, reason: RegExp][] = [
    [
      'of another host',
      good,
      { ca: authority.cert, serverName: 'other.test' },
      /ERR_TLS_CERT_ALTNAME_INVALID.*other\.test/,
    ],
    [
      'of an unknown authority',
      good,
      { ca: other.cert },
      /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY/,
    ],
    ['signed by itself', { key: good.key, cert: good.cert + authority.cert }, {}, /SELF_SIGNED_CERT_IN_CHAIN/],
    ['that has expired', expired, { ca: authority.cert }, /CERT_HAS_EXPIRED/],
  ]
  for (const [what, server, tls, reason] of wrong) {
    await t.test(`a certificate ${what} is answered 502, and the log says why`, async (t) => {
      const { url } = await startSecure(t, server)
      const result = await outcome(await startGateway(t, upstream([{ url, tls }])))
      assert.equal(result.status, 502)
      assert.equal(JSON.parse(result.body).code, 'GW_UPSTREAM_UNREACHABLE')
      assert.match(result.reason, reason)
      assert.doesNotMatch(result.body, /CERT|127\.0\.0\.1/)
      const trusting = await outcome(await startGateway(t, upstream([{ url, tls: { verify: false } }])))
      assert.equal(trusting.status, 200, 'unless nobody verifies it')
    })
  }

  await t.test('shows a client certificate to a target that asks for one', async (t) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { url } = await startSecure(t, {
        ...good,
        ca: authority.cert,
        requestCert: true,
        rejectUnauthorized: true,
        maxVersion,
      })
      const shown = await outcome(
        await startGateway(t, upstream([{ url, tls: { ca: authority.cert, ...clientPair } }])),
      )
      assert.deepEqual(JSON.parse(shown.body), { sni: null, client: 'gateway', protocol: maxVersion })
      const none = await outcome(
        await startGateway(t, upstream([{ url, tls: { ca: authority.cert } }], { retries: false })),
      )
      assert.equal(none.status, 502)
    }
  })

  await t.test('speaks no version of TLS below the one that is stated', async (t) => {
    const { url } = await startSecure(t, { ...good, maxVersion: 'TLSv1.2' })
    const result = await outcome(
      await startGateway(t, upstream([{ url, tls: { ca: authority.cert, minVersion: 'TLSv1.3' } }])),
    )
    assert.equal(result.status, 502)
  })

  await t.test(
    "a client's Host is neither asked for by SNI, nor what the certificate is checked against",
    async (t) => {
      const { url, connections } = await startSecure(t, good)
      const byAddress = await startGateway(t, upstream([{ url, tls: { ca: authority.cert } }], { preserveHost: true }))
      const byName = await startGateway(
        t,
        upstream(
          [{ url: url.replace('127.0.0.1', 'localhost'), tls: { ca: authority.cert, serverName: 'orders.test' } }],
          { preserveHost: true },
        ),
      )
      for (const host of ['one.test', 'two.test', 'three.test']) {
        const answer = await rawRequest(byAddress.port, `GET /a/ HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
        assert.deepEqual([answer.status, JSON.parse(answer.body).sni], [200, null])
        assert.equal(
          (await rawRequest(byName.port, `GET /a/ HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).status,
          502,
          'the certificate is not one of orders.test',
        )
      }
      assert.equal(connections(), 1, 'and the connection is kept whatever the Host')
    },
  )

  await t.test('takes over a changed file for new connections', async (t) => {
    const { url } = await startSecure(t, good)
    const folder = temporaryFolder(t, { 'ca.pem': other.cert })
    const gateway = await startGateway(t, upstream([{ url, tls: { caFile: join(folder, 'ca.pem') } }]))
    const [target] = gateway.app.upstreams.get('a')!.targets
    assert.equal((await outcome(gateway)).status, 502)
    writeFileSync(join(folder, 'ca.pem'), authority.cert)
    await eventually('the new file counts', async () => (await outcome(gateway)).status === 200)
    assert.equal(gateway.app.upstreams.get('a')!.targets[0], target)
  })

  await t.test(
    'what is wrong with the settings stops the boot, with file and field and without a secret',
    async (t) => {
      const url = 'https://127.0.0.1:1'
      const mistakes: [tls: object, field: string, message: RegExp][] = [
        [{ ca: 'no pem' }, 'targets[0].tls.ca', /no certificate in PEM form/],
        [{ caFile: '/nowhere/ca.pem' }, 'targets[0].tls.caFile', /nowhere\/ca\.pem: cannot be read: no such file/],
        [{ cert: good.cert }, 'targets[0].tls.key', /is missing/],
        [{ key: good.key }, 'targets[0].tls.cert', /is missing/],
        [{ cert: good.cert, key: clientPair.key }, 'targets[0].tls.key', /not the key of the certificate/],
        [{ cert: good.cert, key: good.key, keyFile: 'x' }, 'targets[0].tls.keyFile', /states the same/],
        [{ cert: good.cert, key: 'hunter2' }, 'targets[0].tls.key', /no private key/],
        [{ verify: false, ca: good.cert }, 'targets[0].tls.verify', /take one of the two away/],
        [{ minVersion: 'TLSv1' }, 'targets[0].tls.minVersion', /TLSv1\.2/],
      ]
      for (const [tls, field, message] of mistakes) {
        await assert.rejects(startGateway(t, upstream([{ url, tls }])), (error: BootProblems) => {
          assert.deepEqual(
            error.problems.map((problem) => problem.field),
            [field],
          )
          assert.match(error.message, message)
          assert.doesNotMatch(error.message, /hunter2|PRIVATE KEY/)
          return true
        })
      }
    },
  )
})
