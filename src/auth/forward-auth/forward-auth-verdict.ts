import { gatehouseError, type GatehouseError } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import { authUnavailable } from '../challenge.ts'
import type { IdentityAnswer } from '../identity-client.ts'
import type { ForwardAuthSettings } from './forward-auth-schema.ts'

/** Who is let in without the service saying who it is. */
export const ANONYMOUS = 'anonymous'

/** Whether the service has let a consumer in without naming it: it may be anybody, and so owns nothing. */
export const isAnonymous = ({ scheme, id }: Consumer): boolean => scheme === 'forwardAuth' && id === ANONYMOUS

/** Headers of a refusal that the client gets: those that say what to do next. */
const PASSED_ON = [
  'content-type',
  'content-encoding',
  'content-language',
  'location',
  'retry-after',
  'set-cookie',
  'www-authenticate',
]

/** Compiles who an answer that lets a request in speaks of. */
export function consumerReader({
  identity,
  copyHeaders,
}: Pick<ForwardAuthSettings, 'identity' | 'copyHeaders'>): (answer: IdentityAnswer) => Consumer {
  const copied = copyHeaders.map((name) => name.toLowerCase())
  const { id, groups, scopes } = identity
  const nameOf = (header: string | false): string | null => (header === false ? null : header.toLowerCase())
  const [idName, groupsName, scopesName] = [nameOf(id), nameOf(groups), nameOf(scopes)]
  const claimed = [...new Set([...copied, idName, groupsName, scopesName])].filter((name) => name !== null)

  return ({ headers }) => {
    const text = (name: string | null): string => (name === null ? '' : asText(headers[name]))
    const list = (name: string | null, separator: string): string[] =>
      text(name)
        .split(separator)
        .map((item) => item.trim())
        .filter((item) => item !== '')
    return Object.freeze({
      id: text(idName) || ANONYMOUS,
      scheme: 'forwardAuth' as const,
      scopes: Object.freeze(list(scopesName, ' ')),
      groups: Object.freeze(list(groupsName, identity.separator)),
      claims: Object.freeze(
        Object.fromEntries(claimed.filter((name) => headers[name] !== undefined).map((name) => [name, text(name)])),
      ),
      upstreamHeaders: Object.freeze(
        copied.flatMap((name) => [headers[name] ?? []].flat().flatMap((value) => [name, value])),
      ),
    })
  }
}

/**
 * What an answer that does not let a request in becomes: redirects and refusals go to the client as they are. A service
 * that fails has not decided anything, so nobody is let in, and nobody is told how it fails.
 */
export function refusalOf({ status, headers, body }: IdentityAnswer): GatehouseError {
  if (status >= 500) return authUnavailable(new Error(`the forward-auth service answered ${status}`))
  const passed = PASSED_ON.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]] as const]))
  return gatehouseError(status === 403 ? 'GW_FORBIDDEN' : 'GW_UNAUTHORIZED', {
    detail: `The service that decides has answered ${status}.`,
    answer: { status, headers: Object.fromEntries(passed), body },
  })
}

/** Services write names in UTF-8, whatever HTTP says of it (RFC 9110, section 5.5). */
const asText = (value: string | string[] | undefined): string =>
  Buffer.from([value ?? []].flat().join(','), 'latin1')
    .toString('utf8')
    .trim()
