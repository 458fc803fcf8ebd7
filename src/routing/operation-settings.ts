import type { AuthDeclaration, SchemeName, SchemeUse } from '../auth/auth-schema.ts'
import { mistakes } from '../config/schema-check.ts'
import { fieldPath } from '../config/schema-wording.ts'
import type { ApiSettings } from '../openapi/api-declaration-schema.ts'
import { closest } from '../schema/suggestion.ts'
import type { ApiOperation } from '../schema/types.ts'
import { bytes } from '../units.ts'
import { RouteDeclaration } from '../upstream/declaration-schema.ts'

/**
 * The settings that an API document may set for its operations. It may not decide about authentication, validation, or
 * where requests go.
 */
export const SETTINGS = [
  'rateLimit',
  'cost',
  'cache',
  'clientCache',
  'compress',
  'timeouts',
  'bodyLimit',
  'retries',
  'hedging',
] as const
export type Setting = (typeof SETTINGS)[number]

const PREFIX = 'x-gatehouse-'
const fieldOf = new Map(
  SETTINGS.map((setting) => [setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), setting]),
)

/**
 * The `x-gatehouse-...` settings of an operation (`x-gatehouse-rate-limit`), as settings of a route.
 * @param largestBody  body limit of the upstream or gateway in bytes; undefined while it is unknown
 * @param say          called with each mistake and its field
 */
export function operationSettings(
  { extensions }: ApiOperation,
  largestBody: number | undefined,
  say: (field: string, message: string) => void,
): Pick<RouteDeclaration, Setting> {
  const settings: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(extensions)) {
    if (!name.startsWith(PREFIX)) continue
    const setting = fieldOf.get(name.slice(PREFIX.length))
    if (setting === undefined) {
      const guess = closest(name.slice(PREFIX.length), [...fieldOf.keys()])
      say(
        name,
        guess === undefined
          ? `unknown, allowed: ${[...fieldOf.keys()].map((field) => PREFIX + field).join(', ')}`
          : `unknown, did you mean ${PREFIX}${guess}?`,
      )
      continue
    }
    const wrong = mistakes(RouteDeclaration.properties[setting], value)
    for (const { path, message } of wrong) say([name, fieldPath(path)].filter(Boolean).join('.'), message)
    // the author of a document must not raise a limit set by the operator of the gateway
    if (setting === 'rateLimit' && value === false) {
      say(name, 'found false, which only a route of the upstream file may say')
    } else if (
      setting === 'bodyLimit' &&
      wrong.length === 0 &&
      largestBody !== undefined &&
      bytes(value as string) > largestBody
    ) {
      say(
        name,
        `found ${JSON.stringify(value)}, and upstream and gateway accept ${largestBody} bytes: state bodyLimit in the upstream file, or on a route of it`,
      )
    } else if (wrong.length === 0) settings[setting] = value
  }
  return settings
}

/**
 * The `auth` of an operation, from the security requirements of its document and the mapping of the upstream.
 * @param isOpen  whether operations without security are open; a document alone opens nothing
 * @param say     called with security schemes that the mapping does not have
 * @returns undefined when upstream or gateway must decide
 */
export function operationAuth(
  { security }: ApiOperation,
  { security: mapping, unsecured }: ApiSettings,
  isOpen: boolean,
  say: (message: string) => void,
): AuthDeclaration | undefined {
  if (mapping === undefined) return undefined
  const stated = (security ?? []).filter((requirement) => Object.keys(requirement).length > 0)
  // no credentials are required, or they are optional
  if (stated.length === 0) return unsecured
  const unknown = stated
    .flatMap((requirement) => Object.keys(requirement))
    .filter((name) => !Object.hasOwn(mapping, name))
  if (unknown.length > 0) {
    say(
      `the document asks for ${[...new Set(unknown)].map((name) => `"${name}"`).join(' and ')}, of which openapi.security says nothing: map it to a scheme of the gateway (there are: ${Object.keys(mapping).join(', ') || 'none'})`,
    )
    return undefined
  }
  const uses = stated.map((requirement) =>
    Object.entries(requirement).map(([name, scopes]) => schemeUse(mapping[name]!, scopes)),
  )
  const isOptional = isOpen && stated.length < security!.length
  if (uses.every((all) => all.length === 1)) {
    const any = uses.map(([use]) => use!)
    return isOptional ? { optional: any } : any
  }
  if (uses.length === 1 && !isOptional) return { all: uses[0]! }
  say(
    'the document lets one of several combinations of schemes suffice, for which the gateway has no word: state "auth" on a route of this method and path',
  )
  return undefined
}

/** A scheme of the mapping, with the scopes of an operation added. */
function schemeUse(use: SchemeUse, scopes: readonly string[]): SchemeUse {
  const [[scheme, requirement]] = Object.entries(use) as [[SchemeName, NonNullable<SchemeUse[SchemeName]>]]
  const all = [...new Set([...(requirement.scopes ?? []), ...scopes])]
  return { [scheme]: { ...requirement, ...(all.length > 0 ? { scopes: all } : {}) } }
}
