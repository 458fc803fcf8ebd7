import createRouter from 'find-my-way'

/** A path pattern, parsed by the router that will match it. */
export interface PathPattern {
  /** The pattern without the names of its parameters: two routes with one shape collide. */
  shape: string
  /** Names of the parameters in order; the wildcard is `*`. */
  parameters: readonly string[]
}

/**
 * @param pattern  path with parameters (`/:id`, `/:id(\\d+)`) and a wildcard at its end
 * @returns the pattern, or a message that says what is wrong with it
 */
export function parsePattern(pattern: string): PathPattern | string {
  const plain = pattern.replaceAll(/\([^)]*\)/g, '')
  if (/\?./.test(plain)) return 'a pattern has no query'
  if (pattern.includes('//')) return 'two slashes in a row never arrive, since runs of slashes are merged'
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(pattern)) return 'dot segments never arrive, since they are refused'
  if (plain.includes('*') && plain.indexOf('/*') !== plain.length - 2) {
    return 'a wildcard is a segment of its own and the last one, as in /files/*'
  }
  const router = createRouter()
  try {
    router.on('GET', pattern, () => {})
  } catch (error) {
    return (error as Error).message
  }
  const [route] = (router as unknown as { routes: { pattern: string; params: string[] }[] }).routes
  return { shape: route!.pattern, parameters: route!.params }
}

/**
 * A pattern with OpenAPI parameters (`/{id}`) rewritten as `/:id`. Regular expressions and other braces stay.
 * @param parameters  names that are also replaced in a query, where braces can be literal
 */
export function withoutBraces(pattern: string, parameters: readonly string[]): string {
  const [path, query] = pattern.split(/\?(.*)/s) as [string, string?]
  const plainPath = path.replaceAll(
    /\([^)]*\)|\{(\*?)([A-Za-z_][\w.-]*)([+*]?)\}/g,
    (text, star?: string, name?: string, more?: string) =>
      name === undefined ? text : star || more ? '*' : `:${name.replaceAll(/\W/g, '_')}`,
  )
  if (query === undefined) return plainPath
  return `${plainPath}?${query.replaceAll(/\{(\w+)\}/g, (text, name: string) => (parameters.includes(name) ? `:${name}` : text))}`
}
