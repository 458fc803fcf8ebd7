import type { AuthForm, Requirement } from '../auth/auth-schema.ts'
import { byText, type LimitRule, limitText } from '../limits/limit-schema.ts'
import type { DocumentedRoute } from './documented-route.ts'

/** Who may call an operation, and how often, in words. */
export function accessNotes({ mode, optional, uses }: AuthForm, limits: readonly LimitRule[]): string[] {
  const said: string[] = []
  const wanted = [...new Set(uses.map(({ requirement }) => requirementText(requirement)))].filter((text) => text !== '')
  if (wanted.length > 0) said.push(`Requires ${wanted.join(mode === 'all' ? '; and ' : '; or ')}.`)
  if (optional && uses.length > 0) said.push('Credentials are optional.')
  for (const limit of limits) said.push(`At most ${limitText(limit)} for each ${byText(limit.by)}.`)
  return said
}

function requirementText({ scopes = [], groups = [], claims = {} }: Requirement): string {
  const code = (names: readonly string[], word: string): string => names.map((name) => `\`${name}\``).join(word)
  return [
    ...(scopes.length > 0 ? [`scope ${code(scopes, ' and ')}`] : []),
    ...(groups.length > 0 ? [`group ${code(groups, ' or ')}`] : []),
    ...(Object.keys(claims).length > 0 ? [`claim ${code(Object.keys(claims), ' and ')}`] : []),
  ].join(', ')
}

/** Says that a route with the same method and path stands in no place of its own. */
export function otherNote(
  { config: { hosts, upstream }, constraints }: DocumentedRoute,
  { config }: DocumentedRoute,
): string {
  const whose = upstream === undefined ? '' : ` of the upstream \`${upstream}\``
  const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')
  if (constraints?.headers) {
    const headers = Object.entries(constraints.headers).map((header) => header.join(': '))
    return `Requests with ${listed(headers)} get another operation${whose}.`
  }
  const where = hosts === undefined ? 'on all other hosts' : `on ${listed(hosts)}`
  if (hosts?.join() === config.hosts?.join()) return `Some requests get another operation${whose}.`
  return `This path has another operation ${where}${upstream === undefined ? '' : `: see the document${whose}`}.`
}
