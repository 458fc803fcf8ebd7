import { basename } from 'node:path'

/** What Node writes with `--cpu-prof`; times are microseconds of the monotonic clock. */
export interface CpuProfile {
  startTime: number
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[]
  samples: number[]
  timeDeltas: number[]
}

/** A function and the time it took, in microseconds. */
export interface FunctionTime {
  /** Name, file and line. */
  name: string
  /** Package or part of Node that it belongs to. */
  owner: string
  /** In the function itself. */
  self: number
  /** With everything that it called. */
  total: number
}

/** Frames that are not work of a function. */
const IDLE = '(idle)'

/** Whom a file belongs to: a package, Node, or this project. */
function ownerOf(url: string, name: string): string {
  if (url === '') return name.startsWith('(') ? name : 'native'
  if (url.startsWith('node:')) return 'node'
  // the one WebAssembly that any of these runs
  if (url.startsWith('wasm:')) return 'undici'
  const packageName = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]
  return packageName ?? 'gatehouse'
}

/**
 * Adds up a profile by function.
 * @param from  only samples between these two moments of the monotonic clock count, in microseconds
 */
export function functionTimes(profile: CpuProfile, from: number, until: number): FunctionTime[] {
  const functions = new Map<string, FunctionTime>()
  eachSample(profile, from, until, functions, (time, stack) => {
    stack[0]!.self += time
    // a function that calls itself counts once
    for (const entry of new Set(stack)) entry.total += time
  })
  return [...functions.values()].filter(({ total, name }) => total > 0 && name !== '(root)')
}

/** Who calls a function, nearest caller first, and the time the function took for each chain of callers. */
export function callers(
  profile: CpuProfile,
  from: number,
  until: number,
  name: string,
  depth: number,
): { chain: string; time: number }[] {
  const chains = new Map<string, number>()
  eachSample(profile, from, until, new Map(), (time, stack) => {
    const at = stack.findIndex((entry) => entry.name.split('  ', 1)[0] === name)
    if (at === -1) return
    const chain = stack
      .slice(at + 1, at + 1 + depth)
      .map((entry) => entry.name)
      .join(' < ')
    chains.set(chain, (chains.get(chain) ?? 0) + time)
  })
  return [...chains].map(([chain, time]) => ({ chain, time })).sort((a, b) => b.time - a.time)
}

/** Calls back with each sample's time and its stack, innermost function first. */
function eachSample(
  profile: CpuProfile,
  from: number,
  until: number,
  functions: Map<string, FunctionTime>,
  use: (time: number, stack: FunctionTime[]) => void,
): void {
  const parents = new Map<number, number>()
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id)
  const ofNode = new Map<number, FunctionTime>()
  for (const {
    id,
    callFrame: { functionName, url, lineNumber },
  } of profile.nodes) {
    const name = `${functionName || '(anonymous)'}${url === '' ? '' : `  ${basename(url)}:${lineNumber + 1}`}`
    const key = `${name} ${url}`
    let entry = functions.get(key)
    if (entry === undefined) {
      functions.set(key, (entry = { name, owner: ownerOf(url, functionName), self: 0, total: 0 }))
    }
    ofNode.set(id, entry)
  }

  let now = profile.startTime
  profile.samples.forEach((id, i) => {
    // the delta of a sample is the time since the one before
    now += profile.timeDeltas[i]!
    const time = profile.timeDeltas[i + 1] ?? 0
    if (now < from || now > until || ofNode.get(id)!.name === IDLE) return
    const stack: FunctionTime[] = []
    for (let node: number | undefined = id; node !== undefined; node = parents.get(node)) stack.push(ofNode.get(node)!)
    use(time, stack)
  })
}

/** Self time by owner, the largest first. */
export function ownerTimes(times: readonly FunctionTime[]): { owner: string; self: number }[] {
  const owners = new Map<string, number>()
  for (const { owner, self } of times) owners.set(owner, (owners.get(owner) ?? 0) + self)
  return [...owners].map(([owner, self]) => ({ owner, self })).sort((a, b) => b.self - a.self)
}
