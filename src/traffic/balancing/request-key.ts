import type { BalancedRequest } from './balancer.ts'
import type { HashKey } from './balancer-schema.ts'
import { cookieValue } from './cookie-value.ts'

type KeyOf = (request: BalancedRequest) => string | undefined

const FIXED: Record<Extract<HashKey, string>, KeyOf> = {
  address: ({ ip }) => ip,
  consumer: ({ consumer }) => consumer?.id,
  path: ({ raw: { url = '' } }) => {
    const query = url.indexOf('?')
    return query === -1 ? url : url.slice(0, query)
  },
}

/** How the key of a request is found; undefined comes back from it when the request has none. */
export function requestKey(by: HashKey): KeyOf {
  if (typeof by === 'string') return FIXED[by]
  const { cookie, header } = by
  if (cookie !== undefined) return ({ headers }) => cookieValue(headers.cookie, cookie)
  const name = header!.toLowerCase()
  return ({ headers }) => headers[name] as string | undefined
}
