import type { HeaderRules } from '../upstream/declaration-schema.ts'

/** Joins the header rules of upstream and route. The route comes last and takes precedence. */
export function mergeRules(layers: HeaderRules[] = []): { drop: string[]; put: string[] } {
  const drop = new Set<string>()
  let put: [string, string][] = []
  for (const { set = {}, add = {}, remove = [] } of layers) {
    const replaced = [...remove, ...Object.keys(set)].map((name) => name.toLowerCase())
    for (const name of replaced) drop.add(name)
    put = put.filter(([name]) => !replaced.includes(name))
    for (const [name, value] of [...Object.entries(set), ...Object.entries(add)]) put.push([name.toLowerCase(), value])
  }
  return { drop: [...drop], put: put.flat() }
}

/** Takes `Host` out of the headers to add, since it is the first header of each request already. */
export function withoutHost(put: readonly string[]): { host: string | null; put: readonly string[] } {
  const at = put.findLastIndex((name, i) => i % 2 === 0 && name === 'host')
  if (at === -1) return { host: null, put }
  return { host: put[at + 1]!, put: put.filter((_, i) => put[i - (i % 2)] !== 'host') }
}
