/** Says whether an origin (RFC 6454) is of a list: exact ones, and `https://*.example.com` for one label. */
export function compileOrigins(list: readonly string[]): (origin: string) => boolean {
  const exact = new Set(list.filter((entry) => !entry.includes('*')))
  const wildcards = list
    .filter((entry) => entry.includes('*'))
    .map((entry) => {
      const [scheme, host] = entry.split('//') as [string, string]
      return { start: `${scheme}//`, end: host.slice(1) }
    })
  return (origin) =>
    exact.has(origin) ||
    wildcards.some(
      ({ start, end }) =>
        origin.startsWith(start) &&
        origin.endsWith(end) &&
        /^[a-z0-9-]+$/.test(origin.slice(start.length, -end.length)),
    )
}
