import { mistakes } from '../config/schema-check.ts'
import { fieldPath } from '../config/schema-wording.ts'
import { closest } from '../schema/suggestion.ts'
import type { ApiOperation } from '../schema/types.ts'
import { bytes } from '../units.ts'
import { RouteDeclaration } from '../upstream/declaration-schema.ts'

/**
 * What a document may say of its operations: nothing that decides who may call, what is checked, or what is sent to
 * whom.
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
 * The settings that an operation states in `x-gatehouse-...` (`x-gatehouse-rate-limit`), as those of a route.
 * @param largestBody  bytes that upstream or gateway accept; undefined while that is not known
 * @param say          told of each mistake, with its field
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
    // who writes documents must not lift a limit of who runs the gateway
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
