import type { JwtIssuer, JwtSettings } from './jwt-schema.ts'
import { refuseJwt } from './key-algorithms.ts'

const KEY_FIELDS = ['secret', 'publicKey', 'keys', 'jwksUri', 'discover'] as const
type KeyField = (typeof KEY_FIELDS)[number]

/** The settings of one issuer: those of an entry of `issuers`, or of `jwt` itself. */
export interface IssuerForm
  extends
    Pick<JwtSettings, KeyField | 'privateKey' | 'issuer' | 'audience' | 'algorithms' | 'typ' | 'maxAge' | 'claims'>,
    Pick<JwtIssuer, 'idPrefix'> {
  /** Path of the settings below `jwt`, such as `.issuers[0]`. */
  at: string
  /** The one field that states the keys. */
  keyField: KeyField
}

/**
 * The issuers of the configuration: those of `issuers`, or else the one for all tokens.
 * @throws BootProblems when one has no key or several kinds of keys, when two have the same name, or when an accepted
 *   issuer or audience is empty and so would not be checked
 */
export function issuerForms(settings: JwtSettings): IssuerForm[] {
  const { issuers, privateKey, audience, algorithms, typ, maxAge, claims } = settings
  if (issuers === undefined) return [form(settings, '')]
  const beside = (['issuer', ...KEY_FIELDS] as const).find((field) => isStated(settings[field]))
  if (beside !== undefined) refuseJwt(`.${beside}`, 'cannot stand beside issuers: state it for each of these')
  for (const [i, { issuer }] of issuers.entries()) {
    if (issuers.findIndex((other) => other.issuer === issuer) < i) {
      refuseJwt(`.issuers[${i}].issuer`, `found ${JSON.stringify(issuer)} a second time: state each issuer once`)
    }
  }
  return issuers.map((issuer, i) =>
    form(
      { privateKey, audience, algorithms, typ, maxAge, claims, idPrefix: `${issuer.issuer}|`, ...issuer },
      `.issuers[${i}]`,
    ),
  )
}

const isStated = (value: unknown): boolean => value !== undefined && value !== false

function form(settings: Omit<IssuerForm, 'at' | 'keyField'>, at: string): IssuerForm {
  for (const field of ['issuer', 'audience'] as const) {
    if ([settings[field]].flat().includes('')) {
      refuseJwt(`${at}.${field}`, 'found "": state who is accepted, or leave it out')
    }
  }
  const [keyField, second] = KEY_FIELDS.filter((field) => isStated(settings[field]))
  if (keyField === undefined) {
    const of = (field: string, variable: string): string => (at === '' ? `${field} (GATEHOUSE_JWT_${variable})` : field)
    return refuseJwt(
      at,
      `has no key: set ${of('secret', 'SECRET')}, ${of('publicKey', 'PUBLIC_KEY')}, keys, jwksUri or discover`,
    )
  }
  if (second !== undefined) {
    refuseJwt(
      at,
      `has both ${keyField} and ${second}: state one of them, since a token must be verifiable in one way only`,
    )
  }
  if (keyField === 'discover' && typeof settings.issuer !== 'string') {
    refuseJwt(`${at}.discover`, 'needs one issuer: set issuer to its URL')
  }
  return { ...settings, at, keyField }
}
