/** A path for a document, made from a pattern of the router. */
export interface DocumentPath {
  /** `/files/{name}.{ext}` */
  path: string
  /** The path without names: operations of one shape belong to one path item. */
  shape: string
  /** Names of the parameters in their order. */
  parameters: string[]
}

/** A parameter of a path. */
export interface PathParameter {
  /** Its name in the router. */
  route: string
  /** Its name in the imported document; the router's when there is none. */
  own: string
  /** Its name in the generated document. */
  documented: string
}

/** Replaces the last parameter names of a path by those of an imported document. */
export function renamedPath({ path, shape, parameters }: DocumentPath, template: string): DocumentPath {
  const names = template.match(/\{[^{}]*\}/g)?.map((name) => name.slice(1, -1)) ?? []
  const kept = parameters.length - names.length
  // a template cannot contain the same name twice
  if (kept < 0 || new Set([...parameters.slice(0, kept), ...names]).size < parameters.length) {
    return { path, shape, parameters }
  }
  const all = [...parameters.slice(0, kept), ...names]
  let place = 0
  return { path: path.replace(/\{\w+\}/g, () => `{${all[place++]}}`), shape, parameters: all }
}

/**
 * Reads a router's pattern: parameters (`:id`), with a regular expression (`:id(\\d+)`) or optional (`:id?`), several
 * in a segment (`:name.:ext`), and a colon that is only a colon (`::`).
 */
export function documentPath(pattern: string): DocumentPath {
  let path = ''
  let shape = ''
  const parameters: string[] = []
  for (let i = 0; i < pattern.length;) {
    const name = pattern[i] === ':' ? /^\w+/.exec(pattern.slice(i + 1))?.[0] : undefined
    if (name === undefined) {
      path += pattern[i]
      shape += pattern[i]
      i += pattern.startsWith('::', i) ? 2 : 1
      continue
    }
    path += `{${name}}`
    shape += '{}'
    parameters.push(name)
    i = endOfExpression(pattern, i + 1 + name.length)
    if (pattern[i] === '?') i++
  }
  return { path, shape, parameters }
}

/** The end of the regular expression that begins here; the start itself when there is none. */
function endOfExpression(pattern: string, start: number): number {
  if (pattern[start] !== '(') return start
  let depth = 0
  for (let i = start; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++
    else if (pattern[i] === '(') depth++
    else if (pattern[i] === ')' && --depth === 0) return i + 1
  }
  return pattern.length
}
