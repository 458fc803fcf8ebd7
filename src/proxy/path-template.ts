/**
 * Compiles `rewritePath`: `/v2/items/:id/*` with the parameters of the route.
 * @returns a function from the route's decoded parameters to the path; values are encoded, so that a parameter never
 *   becomes a further segment or a query
 */
export function compilePathTemplate (template: string): (params: Record<string, string | undefined>) => string {
  const parts = template.split(/(:[A-Za-z_]\w*|\*)/)
  return (params) => {
    let path = ''
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!
      if (i % 2 === 0) path += part
      else if (part === '*') path += encodeURI(params['*'] ?? '').replace(/[?#]/g, encodeURIComponent)
      else path += encodeURIComponent(params[part.slice(1)] ?? '')
    }
    return path
  }
}

/** Names of the parameters that a template uses, to be checked against the route at boot. */
export const templateParameters = (template: string): string[] =>
  [...template.matchAll(/:([A-Za-z_]\w*)|(\*)/g)].map(([, name, star]) => name ?? star!)
