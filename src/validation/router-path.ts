/** The path of an operation as the router reads it. */
export interface RouterPath {
  /** `/pets/:petId.:ext` */
  url: string
  /** Name of each parameter in the router and in the document. */
  parameters: readonly (readonly [routerName: string, documentName: string])[]
}

const TEMPLATE = /\{([^{}]*)\}/g

/**
 * Turns a path of an API document (`/pets/{petId}.{ext}`, `/v1/{name}:cancel`) into the pattern of the router. Names
 * that the router would read otherwise are replaced by others.
 * @throws Error  when no request can have such a path
 */
export function routerPath(path: string): RouterPath {
  const parameters: [string, string][] = []
  let url = ''
  let end = 0
  for (const match of path.matchAll(TEMPLATE)) {
    url += literal(path.slice(end, match.index), parameters.length)
    end = match.index + match[0].length
    const name = routerName(match[1]!, parameters)
    parameters.push([name, match[1]!])
    url += `:${name}${expressionBefore(path.slice(end))}`
  }
  return { url: url + literal(path.slice(end), parameters.length), parameters }
}

/** What a parameter matches when the router would take what follows for a part of its name. */
function expressionBefore(rest: string): string {
  const [next] = rest
  if (next === undefined || next === '/' || next === '-' || next === '.') return ''
  const another = /^[^/]*\{/.test(rest)
  // with another one behind it, both could match a text in as many ways as it has characters
  return another && next !== '{' && next !== '*' ? `([^${/[\\^\]]/.test(next) ? '\\' : ''}${next}]+)` : '(.+?)'
}

/** Characters that mean something to the router, as text. */
function literal(text: string, at: number): string {
  if (/[?#]/.test(text)) throw new Error('a path has no query and no fragment: take "?" and "#" out of it')
  const plain = decoded(text)
  // eslint-disable-next-line no-control-regex
  if (/[\\;\0-\x1f\x7f]/.test(plain)) {
    throw new Error(
      'backslashes, semicolons and control characters never arrive, since paths with them are refused: take them out of it',
    )
  }
  return plain.replaceAll(':', '::').replaceAll('*', `:star${at}(\\*)`)
}

/** The router compares what is decoded already. */
function decoded(text: string): string {
  try {
    return decodeURI(text)
  } catch {
    return text
  }
}

function routerName(name: string, taken: readonly [string, string][]): string {
  let free = /^[A-Za-z_]\w*$/.test(name) && !(name in {}) ? name : name.replace(/\W/g, '_').replace(/^(?=\d|$)/, 'p')
  while (free in {} || taken.some(([other]) => other === free)) free += '_'
  return free
}
