import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { preParsingHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { authForm } from '../../src/auth/auth-schema.ts'
import { DigestedBody } from '../../src/auth/http-signature/content-digest.ts'
import { HttpSignatureScheme } from '../../src/auth/http-signature/http-signature-scheme.ts'
import type { SignatureKey } from '../../src/auth/http-signature/http-signature-schema.ts'
import { compileKeys } from '../../src/auth/http-signature/signature-key.ts'
import { configurationProblem } from '../../src/errors.ts'

/** Signed requests, whose bodies are checked against their signed digests. */
export default fp(
  async (app) => {
    const settings = app.config.signatures
    if (!settings) return
    await app.addAuthScheme('signature', () => {
      const keys = settings.keys.map((key, i) => withFiles(key, `signatures.keys[${i}]`, app.config.baseDir))
      return new HttpSignatureScheme(settings, compileKeys(keys))
    })
    app.decorateRequest('contentDigest', null)
    app.decorateRequest('checkedBody', null)
    app.routePhase('signedBody', ({ config: { auth } = {} }) => {
      const uses = auth === undefined ? [] : authForm(auth).uses
      return uses.some(({ scheme }) => scheme === 'signature') ? checkBody : null
    })
  },
  { name: 'http-signature', dependencies: ['auth-schemes'] },
)

/** Every reader of the body reads it through the check of its digests. */
const checkBody: preParsingHookHandler = (request, _reply, payload, done) => {
  const digests = request.contentDigest
  if (!digests) {
    done(null, payload)
    return
  }
  const checked = new DigestedBody(digests)
  // an error before anything reads the body must not be an uncaught one
  checked.on('error', () => {})
  payload.on('error', (error: Error) => checked.destroy(error))
  request.checkedBody = payload.pipe(checked)
  done(null, checked)
}

/** A key with the content of its files filled in. */
function withFiles(key: SignatureKey, field: string, baseDir: string): SignatureKey {
  const read = (name: 'secretFile' | 'publicKeyFile'): string | undefined => {
    const file = key[name]
    if (file === undefined) return undefined
    try {
      return readFileSync(resolve(baseDir, file), 'utf8').replace(/\r?\n$/, '')
    } catch (error) {
      throw configurationProblem(
        `${field}.${name}`,
        `the file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      )
    }
  }
  return { ...key, secret: read('secretFile') ?? key.secret, publicKey: read('publicKeyFile') ?? key.publicKey }
}
