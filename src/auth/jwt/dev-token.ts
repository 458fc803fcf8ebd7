import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { type Algorithm, createSigner } from 'fast-jwt'
import { milliseconds } from '../../units.ts'
import { type IssuerForm, issuerForms } from './jwt-issuers.ts'
import type { JwtSettings } from './jwt-schema.ts'
import { keyAlgorithms, narrowed, refuseJwt, SECRET_ALGORITHMS, plainRsaPem } from './key-algorithms.ts'
import { verificationKey } from './verification-key.ts'

/** The content of a development token. */
export interface TokenRequest {
  sub: string
  scopes?: readonly string[]
  /** Milliseconds, or text such as `1h`; at least a second. Default: one hour. */
  expiresIn?: number | string
  /** Further claims; they override the others. */
  claims?: Record<string, unknown>
}

/**
 * Signs a token that this gateway accepts, for development and tests, with `secret` or else `privateKey`. With several
 * issuers, it uses the first that has a secret, or else the first.
 * @throws BootProblems when there is no key to sign with, or the gateway would refuse its tokens
 */
export function signToken(
  settings: Partial<JwtSettings>,
  { sub, scopes = [], expiresIn = '1h', claims = {} }: TokenRequest,
): string {
  const forms = issuerForms(settings as JwtSettings)
  const form = forms.find(({ secret }) => secret !== undefined) ?? forms[0]!
  const { issuer, audience, typ, claims: paths = {} } = form
  const lifetime = milliseconds(expiresIn)
  if (lifetime < 1000) refuseJwt('', `tokens are not signed for ${lifetime} ms: at least a second is needed`)
  const key = signingKey(form)
  const sign = createSigner({
    ...key,
    expiresIn: lifetime,
    ...(typ === undefined ? {} : { header: { alg: key.algorithm, typ } }),
  })
  return sign({
    ...(issuer === undefined ? {} : { iss: [issuer].flat()[0] }),
    ...(audience === undefined ? {} : { aud: [audience].flat()[0] }),
    sub,
    ...atPath(paths.id ?? 'sub', sub),
    ...atPath(paths.scopes ?? 'scope', scopes.join(' ')),
    ...claims,
  })
}

/** `{ a: { b: value } }` for the path `a.b`. A path with a slash is one name (a URL). */
function atPath(path: string, value: string): Record<string, unknown> {
  const names = path.includes('/') ? [path] : path.split('.')
  return names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Record<string, unknown>
}

function signingKey(form: IssuerForm): { key: string; algorithm: Algorithm } {
  const { secret, publicKey, privateKey, at } = form
  if (secret !== undefined) {
    return {
      key: verificationKey(form, at).key as string,
      algorithm: narrowed(SECRET_ALGORITHMS, form, '.secret', at)[0]!,
    }
  }
  if (privateKey === undefined) {
    refuseJwt(
      '',
      'has a public key alone, with which nothing can be signed: set jwt.secret, or jwt.privateKey (GATEHOUSE_JWT_PRIVATE_KEY_FILE)',
    )
  }
  const key = readPrivateKey(privateKey!)
  const algorithm = narrowed(keyAlgorithms(key, '.privateKey'), form, '.privateKey')[0]!
  if (publicKey !== undefined && !belongsTo(key, verificationKey(form, at).key as string)) {
    refuseJwt('.privateKey', 'does not belong to jwt.publicKey, so the gateway would refuse its tokens')
  }
  return { key: pemOf(key), algorithm }
}

function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem.trim())
  } catch {
    return refuseJwt('.privateKey', 'is not an unencrypted private key in PEM form ("-----BEGIN PRIVATE KEY-----")')
  }
}

const pemOf = (key: KeyObject): string =>
  key.asymmetricKeyType === 'rsa-pss' ? plainRsaPem(key) : (key.export({ type: 'pkcs8', format: 'pem' }) as string)

const belongsTo = (privateKey: KeyObject, publicPem: string): boolean =>
  createPublicKey(pemOf(privateKey)).equals(createPublicKey(publicPem))
