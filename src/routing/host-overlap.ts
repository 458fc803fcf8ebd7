/**
 * Whether a request can belong to both of two lists of hosts.
 * @param first, second  exact names, and `*.example.com`, which stands for one label; an empty list is every host
 */
export const shareHosts = (first: readonly string[], second: readonly string[]): boolean =>
  first.length === 0 ||
  second.length === 0 ||
  first.some((host) => second.some((other) => host === other || isUnder(host, other) || isUnder(other, host)))

const isUnder = (host: string, wildcard: string): boolean =>
  wildcard.startsWith('*.') && host.slice(host.indexOf('.')) === wildcard.slice(1)
