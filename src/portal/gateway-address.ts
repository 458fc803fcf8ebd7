const PLACE = '//gateway-address.gatehouse.invalid'

/** Stands in documents for the address of the gateway, which only the request for the document tells. */
export const GATEWAY_ADDRESS = `http:${PLACE}`

/** The address of a WebSocket on the same host: `wss:` for `https:`. */
export const webSocketAddress = (address: string): string => address.replace(/^http/, 'ws')

export const holdsAddress = (text: string): boolean => text.includes(PLACE)

/**
 * Text of a document with the address of the gateway in its place.
 * @param address  such as `https://api.example.com`; a valid host, since it becomes part of JSON and YAML
 */
export function addressed(text: string, address: string): string {
  if (!holdsAddress(text)) return text
  return text
    .replaceAll(GATEWAY_ADDRESS, () => address)
    .replaceAll(webSocketAddress(GATEWAY_ADDRESS), () => webSocketAddress(address))
}

/**
 * The address at which clients reach a route, without a slash at its end.
 * @param hosts   those of the route
 * @param server  URL of the first server of the document
 */
export function addressOf(hosts: readonly string[] | undefined, server = '/'): string {
  // any label does for a wildcard
  if (hosts) return `https://${hosts[0]!.replace('*', 'www')}`
  return (/^https?:\/\//.test(server) ? server : GATEWAY_ADDRESS + server).replace(/\/+$/, '')
}
