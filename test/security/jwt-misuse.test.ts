import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign as cryptoSign } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { jwkOf, now, signed } from '../auth/jwt/issuer.ts'
import { ed25519, type KeyPair, p256, publicPem, rsa } from '../auth/jwt/key-pairs.ts'
import { type Backend, startBackend } from '../support/backend.ts'
import { cpuTime } from '../support/cpu-time.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'

/**
 * Tokens as attackers and test-suites such as Wycheproof make them. None is let in, none brings the gateway down, each
 * is answered in time, and the tokens that they are made from pass all the while.
 */
const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const claims = { sub: 'ada', exp: now() + 3600 }
const json = JSON.stringify(claims)
const mallory: KeyPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const malloryEc: KeyPair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const SLOWEST = 2000

const es = (header: object | string = {}, body: object | string = claims): string =>
  signed(p256.privateKey, typeof header === 'string' ? header : { alg: 'ES256', kid: 'ec', ...header }, body)
const rs = (header: object = {}, body: object | string = claims): string =>
  signed(rsa.privateKey, { alg: 'RS256', kid: 'rsa', ...header }, body)
const hs = (
  header: object | string = {},
  body: object | string = claims,
  secret: string | Buffer = JWT_SECRET,
): string => signed(secret, typeof header === 'string' ? header : { alg: 'HS256', ...header }, body)
const GOOD_ES = es()
const GOOD_RS = rs()
const GOOD_ED = signed(ed25519.privateKey, { alg: 'EdDSA', kid: 'ed' }, claims)
const GOOD_HS = hs()

type Cases = [what: string, token: string][]
const [head, body, tail] = GOOD_ES.split('.') as [string, string, string]
const withSignature = (token: string, signature: Buffer | string): string =>
  token.replace(/[^.]*$/, Buffer.isBuffer(signature) ? signature.toString('base64url') : signature)
const signatureOf = (token: string): Buffer => Buffer.from(token.split('.')[2]!, 'base64url')

const number = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)
const bytes = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** What everybody may know of a public key, in the forms in which a confused library could take it for a secret. */
const PUBLIC_FORMS: [string, string | Buffer][] = [rsa, p256, ed25519].flatMap((pair): [string, string | Buffer][] => {
  const { publicKey } = pair
  const jwk = publicKey.export({ format: 'jwk' }) as { n?: string; x?: string }
  const type = publicKey.asymmetricKeyType!
  return [
    [`PEM of ${type}`, publicPem(pair)],
    [`PEM of ${type} without its end of line`, publicPem(pair).trim()],
    [`DER of ${type}`, publicKey.export({ type: 'spki', format: 'der' })],
    [`JWK of ${type}`, JSON.stringify(jwk)],
    [`numbers of ${type}`, Buffer.from((jwk.n ?? jwk.x)!, 'base64url')],
    [`text of the numbers of ${type}`, (jwk.n ?? jwk.x)!],
  ]
})

const CONFUSION: Cases = [
  ...PUBLIC_FORMS.flatMap(([what, form]): Cases =>
    ['rsa', 'ec', 'ed', undefined].flatMap((kid): Cases =>
      ['HS256', 'HS512'].map((alg) => [`${alg} with the ${what}, kid ${kid}`, hs({ alg, kid }, claims, form)]),
    ),
  ),
  ['HS256 with nothing', hs({ kid: 'rsa' }, claims, '')],
  ['ES256 for RS256', es({ kid: 'rsa' })],
  ['RS256 for ES256', rs({ kid: 'ec' })],
  ['ES256 as ES384', withSignature(GOOD_ES, signatureOf(GOOD_ES)).replace(head, encode({ alg: 'ES384', kid: 'ec' }))],
  ['RS256 as RS512', GOOD_RS.replace(/^[^.]*/, encode({ alg: 'RS512', kid: 'rsa' }))],
  ['RS256 as PS256', GOOD_RS.replace(/^[^.]*/, encode({ alg: 'PS256', kid: 'rsa' }))],
  ...[
    'rs256',
    'RS256 ',
    'RS256\0',
    'RS-256',
    'ES256K',
    'RS1',
    'EdDSA',
    'Ed25519',
    'HS256',
    'A128KW',
    'dir',
    '',
    '__proto__',
    'constructor',
  ].map((alg): [string, string] => [
    `alg ${JSON.stringify(alg)}`,
    signed(rsa.privateKey, { alg: 'RS256' }, claims).replace(/^[^.]*/, encode({ alg, kid: 'rsa' })),
  ]),
]

const NONE: Cases = [
  'none',
  'None',
  'NONE',
  'nOnE',
  'NonE',
  ' none',
  'none ',
  'none\0',
  'n\u043ene',
  '',
  null,
  undefined,
  false,
  0,
  [],
  ['none'],
  { none: 1 },
].flatMap((alg): Cases => [
  [`alg ${JSON.stringify(alg)}, no signature`, `${encode({ alg })}.${body}.`],
  [`alg ${JSON.stringify(alg)}, two parts`, `${encode({ alg })}.${body}`],
  [`alg ${JSON.stringify(alg)}, another's signature`, `${encode({ alg, kid: 'ec' })}.${body}.${tail}`],
  [`alg ${JSON.stringify(alg)}, some signature`, `${encode({ alg, kid: 'ec' })}.${body}.AAAA`],
])

const KIDS: unknown[] = [
  '../../../../../../dev/null',
  '/dev/null',
  'file:///dev/null',
  '..\\..\\nul',
  'rsa\0',
  'rsa%00',
  "rsa' OR '1'='1",
  "x' UNION SELECT 'secret'; --",
  '|whoami',
  '$(whoami)',
  '`id`',
  '$' + '{jndi:ldap://127.0.0.1/x}',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'RSA',
  ' rsa',
  'rsa ',
  '',
  '0',
  'r\u0455a',
  'x'.repeat(3000),
  null,
  0,
  1,
  true,
  [],
  ['rsa'],
  {},
  { toString: 'rsa' },
]
const KID: Cases = KIDS.flatMap((kid): Cases => {
  const shown = JSON.stringify(kid).slice(0, 50)
  return [
    [`kid ${shown}, HMAC with nothing`, hs({ kid }, claims, '')],
    [`kid ${shown}, HMAC with a null byte`, hs({ kid }, claims, Buffer.alloc(1))],
    [`kid ${shown}, a key of its own`, signed(mallory.privateKey, { alg: 'RS256', kid }, claims)],
    [`kid ${shown}, the right key`, rs({ kid })],
  ]
})

const SIGNATURES: Cases = [
  ...[GOOD_ES, GOOD_RS, GOOD_ED].flatMap((token): Cases => {
    const signature = signatureOf(token)
    const { alg } = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())
    const flipped = Buffer.from(signature)
    flipped[5]! ^= 1
    return [
      [`${alg}: no signature`, withSignature(token, '')],
      [`${alg}: one character`, withSignature(token, 'A')],
      [`${alg}: cut by a byte`, withSignature(token, signature.subarray(0, -1))],
      [`${alg}: without its first byte`, withSignature(token, signature.subarray(1))],
      [`${alg}: half`, withSignature(token, signature.subarray(0, signature.length / 2))],
      [`${alg}: a null byte more`, withSignature(token, Buffer.concat([signature, Buffer.alloc(1)]))],
      [`${alg}: a null byte before`, withSignature(token, Buffer.concat([Buffer.alloc(1), signature]))],
      [`${alg}: twice`, withSignature(token, Buffer.concat([signature, signature]))],
      [`${alg}: a bit changed`, withSignature(token, flipped)],
      [`${alg}: zeros`, withSignature(token, Buffer.alloc(signature.length))],
      [`${alg}: ones`, withSignature(token, Buffer.alloc(signature.length, 0xff))],
      [`${alg}: 1`, withSignature(token, bytes(1n, signature.length))],
      [`${alg}: of another payload`, token.replace(body, encode({ ...claims, sub: 'root' }))],
      [`${alg}: 6000 bytes`, withSignature(token, Buffer.alloc(5000, 1))],
    ]
  }),
  ...(
    [
      [0n, 0n],
      [0n, 1n],
      [1n, 0n],
      [P256_ORDER, P256_ORDER],
      [0n, P256_ORDER],
      [1n, P256_ORDER],
      [P256_ORDER - 1n, 1n],
      [1n, 1n],
      [P256_ORDER + 1n, 1n],
    ] as const
  ).map(([r, s]): [string, string] => [
    `ES256: r = ${r}, s = ${s}`,
    withSignature(GOOD_ES, Buffer.concat([bytes(r, 32), bytes(s, 32)])),
  ]),
  [
    'ES256: DER',
    withSignature(
      GOOD_ES,
      cryptoSign('sha256', Buffer.from(`${head}.${body}`), { key: p256.privateKey, dsaEncoding: 'der' }),
    ),
  ],
  ['ES256: DER of zeros', withSignature(GOOD_ES, Buffer.from('3006020100020100', 'hex'))],
  [
    'ES256: as many bytes as ES512',
    withSignature(
      GOOD_ES,
      Buffer.concat([
        Buffer.alloc(34),
        signatureOf(GOOD_ES).subarray(0, 32),
        Buffer.alloc(34),
        signatureOf(GOOD_ES).subarray(32),
      ]),
    ),
  ],
  [
    'EdDSA: s beyond the order',
    withSignature(
      GOOD_ED,
      Buffer.concat([
        signatureOf(GOOD_ED).subarray(0, 32),
        bytes(number(Buffer.from(signatureOf(GOOD_ED).subarray(32)).reverse()) + ED25519_ORDER, 32).reverse(),
      ]),
    ),
  ],
  [
    'RS256: the signature and the modulus',
    withSignature(
      GOOD_RS,
      (() => {
        const sum =
          number(signatureOf(GOOD_RS)) +
          number(Buffer.from((rsa.publicKey.export({ format: 'jwk' }) as { n: string }).n, 'base64url'))
        return bytes(sum, 257)
      })(),
    ),
  ],
]

/** All of these are signed with the right key. */
const CONTENT: Cases = [
  ...['["exp"]', '["b64"]', '["x"]', '["alg"]', '[]', 'null', 'true', '"exp"', '{}', '0'].map(
    (crit): [string, string] => [`crit ${crit}`, es(`{"alg":"ES256","kid":"ec","crit":${crit},"x":1,"b64":true}`)],
  ),
  ['b64 false, as critical', es({ crit: ['b64'], b64: false })],
  ['alg twice', es('{"alg":"none","alg":"ES256","kid":"ec"}')],
  ['kid twice', es('{"alg":"ES256","kid":"rsa","kid":"ec"}')],
  ['kid twice, once escaped', es('{"alg":"ES256","\\u006bid":"rsa","kid":"ec"}')],
  ['sub twice', es({}, `{"sub":"ada","sub":"root","exp":${claims.exp}}`)],
  ['exp twice', es({}, `{"sub":"ada","exp":1,"exp":${claims.exp}}`)],
  ['sub twice, once escaped', es({}, `{"sub":"ada","s\\u0075b":"root","exp":${claims.exp}}`)],
  ['a name twice further down', es({}, `{"sub":"ada","exp":${claims.exp},"org":{"id":1,"id":2}}`)],
  ...['exp', 'nbf', 'iat'].flatMap((name): Cases =>
    [
      '"1"',
      `"${claims.exp}"`,
      '""',
      'null',
      'true',
      '[]',
      `[${claims.exp}]`,
      '{}',
      '1e400',
      '-1e400',
      '1e308',
      '99999999999999999999',
    ].map((value) => [
      `${name} ${value}`,
      es({}, `{"sub":"ada","${name}":${value}${name === 'exp' ? '' : `,"exp":${claims.exp}`}}`),
    ]),
  ),
  ...['NaN', 'Infinity', '0x7fffffff', '01', '+1', '1_000', '.5', "'1'"].map((value): [string, string] => [
    `exp ${value}`,
    es({}, `{"sub":"ada","exp":${value}}`),
  ]),
  ...['0', '-0', '-1', '-1e15', '1', `${now() - 60}.9`].map((exp): [string, string] => [
    `exp ${exp}`,
    es({}, `{"sub":"ada","exp":${exp}}`),
  ]),
  ['nbf in a minute', es({}, { ...claims, nbf: now() + 60 })],
  ['nbf far away', es({}, '{"sub":"ada","exp":8e12,"nbf":8e12}')],
  ['a token in a token', es({ cty: 'JWT' }, GOOD_ES)],
  ['a token in a token, as text', es({ cty: 'JWT' }, JSON.stringify(GOOD_ES))],
  ['claims that call themselves a token', es({ cty: 'application/jwt' })],
  ...[
    '',
    '{',
    '[]',
    `[${json}]`,
    '"text"',
    'null',
    '1',
    'true',
    `${json}x`,
    `${json}${json}`,
    `\uFEFF${json}`,
    json.replaceAll('"', "'"),
    `${json.slice(0, -1)},}`,
    `/**/${json}`,
  ].map((payload): [string, string] => [`the payload ${payload.slice(0, 30)}`, es({}, payload)]),
  [
    'a payload that is not UTF-8',
    es({}, '').replace('..', `.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.`),
  ],
  ...[{}, { sub: '' }, { sub: null }, { sub: 1 }, { sub: ['ada'] }, { sub: { id: 'ada' } }].map(
    (who): [string, string] => [`nobody: ${JSON.stringify(who)}`, es({}, { exp: claims.exp, ...who })],
  ),
  ['claims in the prototype', es({}, `{"__proto__":{"sub":"root"},"exp":${claims.exp}}`)],
  ['9 KiB', es({}, { ...claims, pad: 'x'.repeat(6400) })],
  ['a header of 9 KiB', es({ pad: 'x'.repeat(6400) })],
]

const FORMS: Cases = [
  ['padding', `${head}=.${body}.${tail}`],
  ['padding at the end', `${GOOD_ES}==`],
  ['a space in it', `${head}. ${body}.${tail}`],
  ['a tab in it', `${head}.${body}.\t${tail}`],
  ['plus for minus', GOOD_ES.replace(/^./, '+')],
  ['slash', GOOD_ES.replace(/.$/, '/')],
  ['percent-encoding', GOOD_ES.replace('.', '%2E')],
  [
    'bits in the last character that say nothing',
    withSignature(
      GOOD_ED,
      signatureOf(GOOD_ED)
        .toString('base64url')
        .replace(
          /.$/,
          (last) =>
            'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'[
              'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(last) + 1
            ]!,
        ),
    ),
  ],
  ['one part', head],
  ['two parts', `${head}.${body}`],
  ['four parts', `${GOOD_ES}.${tail}`],
  ['five parts (JWE)', `${encode({ alg: 'dir', enc: 'A128GCM' })}..AAAA.AAAA.AAAA`],
  ['five parts, all there', `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AAAA.AAAA.AAAA.AAAA`],
  ['no header', `.${body}.${tail}`],
  ['no payload', `${head}..${tail}`],
  ['dots', '.'.repeat(8000)],
  ['dots and letters', 'a.'.repeat(4000)],
  ['8000 letters', 'A'.repeat(8000)],
  ['two of them', `${GOOD_ES} ${GOOD_ES}`],
  ['two, with a comma', `${GOOD_ES}, Bearer ${GOOD_ES}`],
  ['JSON serialisation', JSON.stringify({ payload: body, protected: head, signature: tail })],
  ['a bearer in a bearer', `Bearer ${GOOD_ES}`],
  ['quotes', `"${GOOD_ES}"`],
  ['a header of 2000 lists', `${encode('['.repeat(2000) + ']'.repeat(2000))}.${body}.${tail}`],
  ['a header that does not end', `${encode('{"a":'.repeat(900))}.${body}.${tail}`],
  [
    'a header of 400 names',
    `${encode(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`n${i}`, i])))}.${body}.${tail}`,
  ],
]

let backend: Backend
let asked: Backend
let publicGateway: Awaited<ReturnType<typeof startGateway>>
let secretGateway: typeof publicGateway
const ends: (() => unknown)[] = []
before(async () => {
  const context = {
    after: (end: () => unknown) => {
      ends.unshift(end)
    },
  } as unknown as TestContext
  backend = await startBackend(context)
  asked = await startBackend(context, (_request, response) => {
    response.end(JSON.stringify({ keys: [jwkOf(mallory, { kid: 'rsa' })] }))
  })
  const files = {
    'a.json': { name: 'a', targets: [backend.url], auth: { jwt: {} }, routes: [{ method: 'GET', url: '/x' }] },
  }
  const keys = { keys: [jwkOf(rsa, { kid: 'rsa' }), jwkOf(p256, { kid: 'ec' }), jwkOf(ed25519, { kid: 'ed' })] }
  publicGateway = await startGateway(context, files, { jwt: { keys }, failedAttempts: false })
  secretGateway = await startGateway(context, files, { jwt: { secret: JWT_SECRET }, failedAttempts: false })
})
after(async () => {
  for (const end of ends) await end()
})

async function refused(url: string, cases: Cases, good: readonly string[]): Promise<void> {
  const ask = (token: string) => fetch(`${url}/x`, { headers: { authorization: `Bearer ${token}` } })
  const reached = backend.received.length
  for (const [what, token] of cases) {
    const started = cpuTime()
    const response = await ask(token)
    const text = await response.text()
    assert.equal(response.status, 401, `${what}: ${text}`)
    assert.doesNotMatch(text, /fast-jwt|FAST_JWT|stack|unexpected token|node:/i, what)
    assert.ok(cpuTime() - started < SLOWEST, `${what} took ${cpuTime() - started} ms`)
  }
  assert.equal(backend.received.length, reached, 'none has reached the upstream')
  // a refusal of everything would pass the above
  for (const token of good) assert.equal((await ask(token)).status, 200)
}

const GROUPS: [string, Cases][] = [
  ['algorithms cannot be confused', CONFUSION],
  ['none is no algorithm, however it is spelled', NONE],
  ['kid names a key and nothing else', KID],
  ['a signature is whole and in its raw form, or it is none', SIGNATURES],
  ['what is signed must make sense', CONTENT],
  ['a token has one form', FORMS],
]
for (const [what, cases] of GROUPS) {
  test(`${what} (${cases.length} tokens)`, () => refused(publicGateway.url, cases, [GOOD_ES, GOOD_RS, GOOD_ED]))
}

test('keys that a token brings along, or says where to find, are neither used nor fetched', async () => {
  const { url } = asked
  const own = jwkOf(mallory, { kid: 'rsa' })
  const der = mallory.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  const headers: object[] = [
    { jwk: own },
    { jwk: own, kid: 'rsa' },
    { jku: `${url}/keys` },
    { jku: `${url}/keys`, kid: 'rsa' },
    { x5u: `${url}/cert` },
    { x5c: [der] },
    { x5c: [der], kid: 'rsa' },
    { x5t: 'x', 'x5t#S256': 'x' },
    { kid: `${url}/keys` },
    { jku: 'file:///etc/passwd' },
    { jku: 'http://169.254.169.254/' },
    { jwk: null, jku: null, x5u: null, x5c: null },
  ]
  const cases: Cases = headers.map((header) => [
    JSON.stringify(header).slice(0, 80),
    signed(mallory.privateKey, { alg: 'RS256', ...header }, claims),
  ])
  cases.push(
    ['jwk of EC', signed(malloryEc.privateKey, { alg: 'ES256', jwk: jwkOf(malloryEc), kid: 'ec' }, claims)],
    ['jwk that is a secret', hs({ jwk: { kty: 'oct', k: encode('mine') } }, claims, 'mine')],
  )
  await refused(publicGateway.url, cases, [GOOD_RS, rs({ jku: `${url}/keys`, jwk: own })])
  assert.equal(asked.received.length, 0)
})

test('a shared secret makes HMAC of full length alone', async () => {
  const mac = createHmac('sha256', JWT_SECRET)
    .update(GOOD_HS.replace(/\.[^.]*$/, ''))
    .digest()
  const cases: Cases = [
    ['nothing', withSignature(GOOD_HS, '')],
    ['half of it', withSignature(GOOD_HS, mac.subarray(0, 16))],
    ['a byte of it', withSignature(GOOD_HS, mac.subarray(0, 1))],
    ['a byte more', withSignature(GOOD_HS, Buffer.concat([mac, Buffer.alloc(1)]))],
    ['hexadecimal digits', withSignature(GOOD_HS, mac.toString('hex'))],
    ['HS512 cut to HS256', hs({ alg: 'HS512' }).replace(/[^.]*$/, (text) => text.slice(0, 43))],
    ['HS256 as HS512', GOOD_HS.replace(/^[^.]*/, encode({ alg: 'HS512' }))],
    ...[
      '',
      ' ',
      'secret',
      'null',
      'undefined',
      JWT_SECRET.slice(0, -1),
      `${JWT_SECRET} `,
      JWT_SECRET.toUpperCase(),
      Buffer.from(JWT_SECRET).toString('base64'),
    ].map((secret): [string, string] => [`the secret "${secret.slice(0, 3)}…"`, hs({}, claims, secret)]),
    ['an RSA key', signed(mallory.privateKey, { alg: 'RS256' }, claims)],
    ['an RSA key in the token', signed(mallory.privateKey, { alg: 'RS256', jwk: jwkOf(mallory) }, claims)],
    ...NONE,
    ...FORMS.filter(([, token]) => token.includes('.')),
  ]
  await refused(secretGateway.url, cases, [GOOD_HS, hs({ alg: 'HS384' }), hs({ alg: 'HS512', kid: 'any' })])
})

test('what is strange but right passes', async () => {
  const deep = `{"sub":"ada","exp":${claims.exp},"a":${'['.repeat(1500)}${']'.repeat(1500)}}`
  for (const token of [
    es({}, `{"sub":"ada","exp":${claims.exp}.5}`),
    es({}, { sub: 'ada' }),
    es({}, { ...claims, nbf: -1 }),
    es({}, { ...claims, exp: 253402300799 }),
    es({}, deep),
    es({ typ: null, x5t: 'x', cty: 'json' }),
    es({}, ` ${json}\n`),
    es({}, { ...claims, a: { sub: 'x' } }),
  ]) {
    assert.equal(
      (await fetch(`${publicGateway.url}/x`, { headers: { authorization: `Bearer ${token}` } })).status,
      200,
      Buffer.from(token.split('.')[1]!, 'base64url').toString().slice(0, 80),
    )
  }
})
