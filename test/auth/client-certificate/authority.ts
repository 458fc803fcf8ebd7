import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../../support/temporary-folder.ts'

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** A private key and a certificate, both in PEM form. */
export interface KeyAndCertificate {
  key: string
  cert: string
}

/** An authority that signs certificates with openssl. */
export class Authority {
  readonly #folder: string
  readonly cert: string
  #count = 0

  constructor(t: TestContext, name = 'test authority') {
    this.#folder = temporaryFolder(t)
    this.#openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
    )
    this.cert = this.#read('ca.pem')
  }

  /**
   * @param subject  in the form of openssl, such as `/O=Example/CN=ada`
   * @param days     for which it is valid; below 0 it has expired
   */
  sign(subject: string, days = 1): KeyAndCertificate {
    const file = `leaf${this.#count++}`
    writeFileSync(join(this.#folder, 'san.ext'), 'subjectAltName=IP:127.0.0.1\n')
    this.#openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${file}.key`,
      '-out',
      `${file}.csr`,
      '-utf8',
      '-subj',
      subject,
    )
    this.#openssl(
      'x509',
      '-req',
      '-in',
      `${file}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${file}.pem`,
      '-days',
      String(days),
      '-extfile',
      'san.ext',
    )
    return { key: this.#read(`${file}.key`), cert: this.#read(`${file}.pem`) }
  }

  #openssl(...words: string[]): void {
    const { status, stderr } = spawnSync('openssl', words, { cwd: this.#folder, encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${words[0]}: ${stderr}`)
  }

  #read(name: string): string {
    return readFileSync(join(this.#folder, name), 'utf8')
  }
}
