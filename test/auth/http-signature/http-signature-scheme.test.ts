import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign as cryptoSign } from 'node:crypto'
import { test } from 'node:test'
import { parseDictionary } from 'structured-headers'
import type { InnerList } from 'structured-headers'
import { HttpSignatureScheme } from '../../../src/auth/http-signature/http-signature-scheme.ts'
import type { SignatureKey } from '../../../src/auth/http-signature/http-signature-schema.ts'
import {
  compileKeys,
  publicKeyVerifier,
  secretVerifier,
  type SignatureVerifier,
} from '../../../src/auth/http-signature/signature-key.ts'
import { signatureBase } from '../../../src/auth/http-signature/signature-base.ts'
import type { AuthRequest } from '../../../src/auth/scheme.ts'
import { ed25519, p256, p384, privatePem, publicPem, rsa, rsaPss } from '../jwt/key-pairs.ts'
import { contentDigest, hmac, SECRET, signedHeaders, type SignedRequest } from './signer.ts'

const HOST = 'api.example.com'
const NOW = 1_700_000_000

const requestOf = (headers: Record<string, string>, { method = 'GET', path = '/a?b=c' } = {}): AuthRequest => ({
  headers: { host: HOST, ...headers },
  ip: '::1',
  protocol: 'http',
  originalUrl: path,
  raw: { method, url: path, rawHeaders: Object.entries({ host: HOST, ...headers }).flat() },
})

function setUp({
  keys = [{ keyid: 'k1', secret: SECRET, scopes: ['a:read'] }],
  ...settings
}: { keys?: SignatureKey[]; components?: string[]; requireNonce?: boolean; nonceCacheSize?: number } = {}) {
  const clock = { now: NOW * 1000 }
  const scheme = new HttpSignatureScheme(
    { components: [], maxAge: '5 minutes', requireNonce: false, nonceCacheSize: 100, ...settings },
    compileKeys(keys),
    () => clock.now,
  )
  const signed = (request: Partial<SignedRequest> = {}) =>
    signedHeaders({ host: HOST, path: '/a?b=c', created: NOW, ...request })
  const ask = (headers: Record<string, string>, request?: Parameters<typeof requestOf>[1]) =>
    scheme.authenticate(requestOf(headers, request))
  const refuses = (headers: Record<string, string>, why?: string, request?: Parameters<typeof requestOf>[1]) =>
    assert.throws(() => ask(headers, request), { code: 'GW_UNAUTHORIZED' }, why)
  return { scheme, clock, signed, ask, refuses }
}

/** RFC 9421, appendix B.1 and B.2: the request, and what its author has signed. */
const EXAMPLE: AuthRequest = {
  headers: { host: 'example.com' },
  ip: '::1',
  protocol: 'https',
  originalUrl: '/foo?param=Value&Pet=dog',
  raw: {
    method: 'POST',
    rawHeaders: [
      'Host',
      'example.com',
      'Date',
      'Tue, 20 Apr 2021 02:07:55 GMT',
      'Content-Type',
      'application/json',
      'Content-Digest',
      'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
      'Content-Length',
      '18',
    ],
  },
}
const innerList = (text: string): InnerList => parseDictionary(text).get('sig') as InnerList

test('the signatures of RFC 9421, appendix B.2, are good', () => {
  const hmacKey = secretVerifier(
    Buffer.from('uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==', 'base64'),
  )
  const edKey = publicKeyVerifier(
    '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n',
  ) as SignatureVerifier
  for (const [verifier, input, signature] of [
    [
      hmacKey,
      'sig=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
      'pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=',
    ],
    [
      edKey,
      'sig=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
      'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    ],
  ] as const) {
    const base = Buffer.from(signatureBase(EXAMPLE, innerList(input))!, 'latin1')
    assert.equal(verifier.verify(base, Buffer.from(signature, 'base64')), true, verifier.algorithm)
    assert.equal(verifier.verify(Buffer.concat([base, Buffer.from(' ')]), Buffer.from(signature, 'base64')), false)
  }
})

test('derived components are those of RFC 9421, section 2.2', () => {
  const lines = (input: string, request = EXAMPLE) => signatureBase(request, innerList(input))?.split('\n').slice(0, -1)
  assert.deepEqual(lines('sig=("@method" "@target-uri" "@authority" "@scheme" "@request-target" "@path" "@query")'), [
    '"@method": POST',
    '"@target-uri": https://example.com/foo?param=Value&Pet=dog',
    '"@authority": example.com',
    '"@scheme": https',
    '"@request-target": /foo?param=Value&Pet=dog',
    '"@path": /foo',
    '"@query": ?param=Value&Pet=dog',
  ])
  const absolute = { ...EXAMPLE, headers: { host: 'EXAMPLE.com:443' }, originalUrl: 'https://example.com?x' }
  assert.deepEqual(lines('sig=("@authority" "@path" "@query" "@target-uri")', absolute), [
    '"@authority": example.com',
    '"@path": /',
    '"@query": ?x',
    '"@target-uri": https://example.com/?x',
  ])
  assert.deepEqual(
    lines('sig=("@query" "@authority")', { ...EXAMPLE, headers: { host: 'example.com:80' }, originalUrl: '/foo' }),
    ['"@query": ?', '"@authority": example.com:80'],
  )
  const twice = { ...EXAMPLE, raw: { ...EXAMPLE.raw, rawHeaders: ['X-A', ' one ', 'x-a', '', 'X-a', 'two'] } }
  assert.deepEqual(lines('sig=("x-a")', twice), ['"x-a": one, , two'])
  for (const none of [
    '"@status"',
    '"@query-param";name="Pet"',
    '"missing"',
    '"Date"',
    '"date" "date"',
    '"date";sf',
    '"date";bs',
    '"date";tr',
    '"@method";req',
    'date',
    '1',
    '"@METHOD"',
    '""',
  ]) {
    assert.equal(lines(`sig=(${none})`), undefined, none)
  }
})

test('a signature of method and URL lets in, with every kind of key', () => {
  const raw =
    (key: KeyObject, hash: string | null, options: object = {}) =>
    (base: string) =>
      cryptoSign(hash, Buffer.from(base, 'latin1'), { key, ...options })
  const signers: Record<string, [SignatureKey, SignedRequest['sign']]> = {
    'hmac-sha256': [{ keyid: 'k', secret: SECRET }, undefined],
    ed25519: [{ keyid: 'k', publicKey: publicPem(ed25519) }, raw(ed25519.privateKey, null)],
    'ecdsa-p256-sha256': [
      { keyid: 'k', publicKey: publicPem(p256) },
      raw(p256.privateKey, 'sha256', { dsaEncoding: 'ieee-p1363' }),
    ],
    'rsa-pss-sha512': [
      { keyid: 'k', publicKey: publicPem(rsa) },
      raw(rsa.privateKey, 'sha512', { padding: 6, saltLength: 64 }),
    ],
  }
  assert.equal(
    setUp({ keys: [{ keyid: 'k', publicKey: publicPem(rsaPss) }] }).ask(
      signedHeaders({
        host: HOST,
        path: '/a?b=c',
        created: NOW,
        keyid: 'k',
        sign: raw(rsaPss.privateKey, 'sha512', { saltLength: 64 }),
      }),
    ).id,
    'k',
  )
  for (const [algorithm, [key, sign]] of Object.entries(signers)) {
    const { ask, signed, refuses } = setUp({ keys: [{ ...key, consumer: 'ada', groups: ['g'] }] })
    for (const parameters of ['', `;alg="${algorithm}"`]) {
      const consumer = ask(signed({ keyid: 'k', sign, parameters }))
      assert.deepEqual(
        [consumer.id, consumer.scheme, consumer.groups, consumer.scopes, consumer.claims],
        ['ada', 'signature', ['g'], [], { keyid: 'k' }],
      )
    }
    for (const alg of Object.keys(signers).filter((name) => name !== algorithm)) {
      refuses(signed({ keyid: 'k', sign, parameters: `;alg="${alg}"` }), alg)
    }
    refuses(signed({ keyid: 'k', sign: () => Buffer.alloc(64) }), 'a signature of zeros')
    refuses(signed({ keyid: 'k', sign: () => Buffer.alloc(0) }))
    refuses(signed({ keyid: 'k', sign: (base) => (sign ?? hmac)(base).subarray(1) }))
  }
  const { refuses, signed } = setUp({ keys: [{ keyid: 'k', publicKey: publicPem(p256) }] })
  refuses(signed({ keyid: 'k', sign: raw(p256.privateKey, 'sha256') }), 'DER in place of the plain form')
})

test('a public key is no secret for an HMAC', () => {
  const pem = publicPem(rsa)
  const { refuses, signed } = setUp({ keys: [{ keyid: 'k', publicKey: pem }] })
  refuses(signed({ keyid: 'k', parameters: ';alg="hmac-sha256"' }))
})

test('the whole URL, its parts, and further headers can be what is covered; less cannot', () => {
  const { ask, signed, refuses } = setUp({ components: ['x-tenant'] })
  const headers = { 'x-tenant': 't1' }
  ask(signed({ headers, covered: ['@method', '@target-uri', 'x-tenant'] }))
  ask(signed({ headers, covered: ['x-tenant', '@query', '@path', '@authority', '@method'] }))
  for (const covered of [
    [],
    ['@method', '@target-uri'],
    ['@target-uri', 'x-tenant'],
    ['@method', 'x-tenant'],
    ['@method', '@path', '@query', 'x-tenant'],
    ['@method', '@authority', '@path', 'x-tenant'],
    ['@method', '@authority', '@query', 'x-tenant'],
  ]) {
    refuses(signed({ headers, covered }), covered.join())
  }
  const good = signed({ headers, covered: ['@method', '@target-uri', 'x-tenant'] })
  refuses({ ...good, 'x-tenant': 't2' })
  refuses({ ...good, host: 'other.example.com' })
  refuses(good, 'another method', { method: 'DELETE' })
  refuses(good, 'another path', { path: '/b?b=c' })
  refuses(good, 'another query', { path: '/a?b=d' })
})

test('a signature has its time', () => {
  const { ask, signed, refuses, clock } = setUp()
  ask(signed({ created: NOW - 300 }))
  ask(signed({ created: NOW + 5 }))
  refuses(signed({ created: NOW - 301 }))
  refuses(signed({ created: NOW + 6 }))
  ask(signed({ parameters: `;expires=${NOW + 1}` }))
  for (const parameters of [
    `;expires=${NOW}`,
    ';expires=0',
    ';expires="soon"',
    ';expires',
    ';created="now"',
    ';created=?1',
  ]) {
    refuses(signed({ parameters }), parameters)
  }
  const good = signed()
  refuses({ ...good, 'signature-input': good['signature-input']!.replace(`;created=${NOW}`, '') }, 'without a time')
  clock.now += 300_001
  refuses(good)
})

test('unknown keys, tampering and what is no signature are answered alike', () => {
  const { scheme, signed, ask } = setUp()
  const good = signed()
  const bad: Record<string, string>[] = [
    {},
    signed({ keyid: 'k2' }),
    signed({ keyid: '__proto__' }),
    { ...good, signature: '' },
    { ...good, signature: 's=:!:' },
    { ...good, signature: 's="x"' },
    { ...good, signature: 's' },
    { ...good, signature: `t${good.signature!.slice(1)}` },
    { ...good, 'signature-input': 's' },
    { ...good, 'signature-input': 's=()' },
    { ...good, 'signature-input': '' },
    { ...good, 'signature-input': `${good['signature-input']}, t=("@method")` },
    { ...good, 'signature-input': good['signature-input']!.replace('"@method"', '"@method" "@method"') },
    { ...good, 'signature-input': good['signature-input']!.replace(';keyid="k1"', '') },
    { ...good, 'signature-input': `${good['signature-input']};nonce="added"` },
    { ...good, 'signature-input': `s=(${'"a" '.repeat(5000)})` },
    { ...good, signature: `s=:${'A'.repeat(9000)}:` },
  ]
  const said = bad.map((headers) => {
    try {
      ask(headers)
    } catch (error) {
      const { code, message, headers } = error as { code: string; message: string; headers: object }
      return JSON.stringify([code, message, headers])
    }
    return 'let in'
  })
  assert.deepEqual([...new Set(said)].length, 1)
  assert.match(said[0]!, /GW_UNAUTHORIZED.*accept-signature.*\(\\"@method\\" \\"@target-uri\\"\);created;keyid/)
  assert.equal(scheme.isPresented(requestOf({})), false)
  assert.equal(scheme.isPresented(requestOf(good)), true)
})

test('a nonce is good once for each key, until its signature is too old anyway', () => {
  const keys = ['k1', 'k2'].map((keyid) => ({ keyid, secret: SECRET }))
  const { ask, signed, refuses, clock } = setUp({ keys, requireNonce: true, nonceCacheSize: 3 })
  refuses(signed())
  for (const parameters of [';nonce=""', ';nonce=1', ';nonce']) refuses(signed({ parameters }))
  const once = signed({ parameters: ';nonce="n1"', created: NOW + 5 })
  refuses({ ...once, signature: 's=:AAAA:' }, 'a bad signature uses nothing up')
  ask(once)
  refuses(once)
  ask(signed({ parameters: ';nonce="n1"', keyid: 'k2' }))
  ask(signed({ parameters: ';nonce="n2"' }))
  assert.throws(
    () => ask(signed({ parameters: ';nonce="n3"' })),
    { code: 'GW_AUTH_UNAVAILABLE' },
    'none is forgotten to make room',
  )
  refuses(once)
  clock.now += 305_000
  refuses(once, 'still remembered while it would still be taken')
  clock.now += 1
  ask(signed({ parameters: ';nonce="n3"', created: NOW + 305 }))
  refuses(once, 'too old by now')
})

test('a body must be covered by its digest, and what it must be is left with the request', () => {
  const { scheme, signed, refuses } = setUp()
  const body = '{"a":1}'
  const length = { 'content-length': String(body.length) }
  const ask = (headers: Record<string, string>) => {
    const request = requestOf(headers, { method: 'POST' })
    scheme.authenticate(request)
    return request.contentDigest
  }
  const post = (request: Partial<SignedRequest>) => signed({ method: 'POST', headers: length, ...request })
  assert.equal(ask(post({ body }))!.length, 1)
  assert.equal(
    ask(
      post({
        body,
        headers: {
          ...length,
          'content-digest': `${contentDigest(body)}, ${contentDigest(body, 'sha512')}, md5=:AA==:`,
        },
      }),
    )!.length,
    2,
  )
  refuses(post({ body, covered: ['@method', '@target-uri'] }), 'not covered', { method: 'POST' })
  refuses(signed({ method: 'POST', headers: { 'transfer-encoding': 'chunked' } }), 'chunked', { method: 'POST' })
  for (const odd of [
    '',
    'md5=:AA==:',
    'sha-256=:AA==',
    'sha-256="x"',
    'sha-256',
    'sha-256=(:AA==:)',
    'sha-256=:AA==:, sha-512=1',
    '__proto__=:AA==:',
  ]) {
    refuses(post({ body, headers: { ...length, 'content-digest': odd } }), odd, { method: 'POST' })
  }
  assert.equal(ask(signed({ method: 'POST', body: '' })), undefined, 'the digest of no body is checked at once')
  refuses(signed({ method: 'POST', body: 'x' }), 'a digest of a body that is not there', { method: 'POST' })
})

test('keys that cannot be used stop the boot, and are not quoted', () => {
  const bad = (...keys: Omit<SignatureKey, 'keyid'>[]): string => {
    try {
      compileKeys(keys.map((key) => ({ keyid: 'k1', ...key })))
    } catch (error) {
      assert.equal((error as Error).name, 'BootProblems')
      return (error as Error).message
    }
    return 'no problem'
  }
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const pss256 = generateKeyPairSync('rsa-pss', {
    modulusLength: 2048,
    hashAlgorithm: 'sha256',
    mgf1HashAlgorithm: 'sha256',
  })
  assert.equal(bad({ secret: SECRET }), 'no problem')
  assert.match(bad({}), /^configuration: signatures\.keys\[0\]: needs one key/)
  assert.match(bad({ secret: SECRET, publicKey: publicPem(rsa) }), /needs one key/)
  assert.match(bad({ secret: publicPem(rsa) }), /state it as publicKey/)
  assert.match(bad({ secret: 'hush' }), /secret of 4 characters/)
  assert.match(bad({ publicKey: privatePem(rsa) }), /is a private key/)
  assert.match(bad({ publicKey: 'x' }), /is not a public key in PEM form/)
  assert.match(bad({ publicKey: publicPem(small) }), /1024 bits/)
  assert.match(bad({ publicKey: publicPem(p384) }), /secp384r1/)
  assert.match(bad({ publicKey: publicPem(pss256) }), /cannot be used for rsa-pss-sha512/)
  assert.match(
    bad({ secret: SECRET }, { secret: SECRET }),
    /keys\[1\]: found the keyid "k1", which another key has too/,
  )
  assert.doesNotMatch(bad({ secret: 'hush' }, { publicKey: 'hush' }), /hush/)
})
