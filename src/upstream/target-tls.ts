import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { relative, resolve } from 'node:path'
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls'
import { keepLoaded, readText } from '../config/checked-file.ts'
import { BootProblems, reasonOf } from '../errors.ts'
import type { TargetTls } from './target-schema.ts'

/** The TLS material for connections to a target. */
export interface TlsMaterial {
  verify: boolean
  serverName: string | undefined
  /** Null for the system's settings. */
  context: SecureContext | null
  /** Distinguishes materials without revealing them. */
  fingerprint: string
}

/** The place of a declaration: the folder of its files, and its name in messages. */
export interface TlsPlace {
  baseDir: string
  file: string
  /** Field of the declaration, such as `targets[0].tls`. */
  field: string
}

const FILES = ['caFile', 'certFile', 'keyFile'] as const

/** The material of a declaration, read again whenever one of its files changes. */
export class TlsSource {
  material: TlsMaterial
  /** Called when the material has changed. */
  changed: () => void = () => {}
  readonly #stops: (() => void)[] = []

  /** @throws BootProblems when a file cannot be read, a part is no PEM, or the key is of another certificate */
  constructor(tls: TargetTls, place: TlsPlace, log: Parameters<typeof keepLoaded>[3]) {
    this.material = readMaterial(tls, place)
    const load = (): void => {
      const material = readMaterial(tls, place)
      if (material.fingerprint === this.material.fingerprint) return
      this.material = material
      this.changed()
    }
    for (const key of FILES) {
      if (tls[key] === undefined) continue
      const path = resolve(place.baseDir, tls[key])
      this.#stops.push(keepLoaded(path, relative(place.baseDir, path), load, log))
    }
  }

  close(): void {
    for (const stop of this.#stops) stop()
  }
}

function readMaterial(tls: TargetTls, { baseDir, file, field }: TlsPlace): TlsMaterial {
  const fieldOf = (name: 'ca' | 'cert' | 'key'): string => `${field}.${tls[name] === undefined ? `${name}File` : name}`
  const checked = <T>(name: 'ca' | 'cert' | 'key', what: string, parse: () => T): T => {
    try {
      return parse()
    } catch (error) {
      throw new BootProblems([{ file, field: fieldOf(name), message: `${what}: ${reasonOf(error)}` }])
    }
  }
  const textOf = (name: 'ca' | 'cert' | 'key'): string | undefined => {
    const path = tls[`${name}File`]
    return path === undefined
      ? tls[name]
      : checked(name, 'cannot be used', () => readText(resolve(baseDir, path), path))
  }
  const [ca, cert, key] = [textOf('ca'), textOf('cert'), textOf('key')]
  const { verify = true, serverName, minVersion } = tls
  // OpenSSL ignores an authority that it cannot read, and then trusts none
  if (ca !== undefined) checked('ca', 'holds no certificate in PEM form', () => new X509Certificate(ca))
  if (cert !== undefined && key !== undefined) {
    const leaf = checked('cert', 'holds no certificate in PEM form', () => new X509Certificate(cert))
    const privateKey = checked('key', 'holds no private key in PEM form without a passphrase', () =>
      createPrivateKey(key),
    )
    if (!leaf.checkPrivateKey(privateKey)) {
      throw new BootProblems([
        {
          file,
          field: fieldOf('key'),
          message: 'is not the key of the certificate: give the two that belong together',
        },
      ])
    }
  }
  const plain = ca === undefined && cert === undefined && minVersion === undefined
  const context = plain
    ? null
    : checked('ca', 'cannot be used', () =>
        createSecureContext({ ca, cert, key, minVersion: minVersion as SecureVersion | undefined }),
      )
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([verify, serverName, ca, cert, key, minVersion]))
    .digest('base64')
  return { verify, serverName, context, fingerprint }
}
