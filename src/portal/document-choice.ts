/**
 * What Swagger UI reads before its first document: those that it offers. Its own configuration is fixed before the
 * upstreams are known.
 * @param path  of the documentation
 * @param title  of the whole gateway
 */
export function documentChoice(
  path: string,
  title: string,
  upstreams: readonly string[],
): { urls?: { url: string; name: string }[] } {
  // a choice of one is none
  if (upstreams.length === 0) return {}
  return {
    urls: [
      { url: `${path}/json`, name: title },
      ...upstreams.map((name) => ({ url: `${path}/upstreams/${encodeURIComponent(name)}.json`, name })),
    ],
  }
}
