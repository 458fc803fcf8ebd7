import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Node, parse } from 'acorn'

// Tells in which order the files of this project first run a function. V8's coverage counts calls and knows no order, so
// each function reports its file when it is called.

const ROOT = new URL('../', import.meta.url).href
const REPORT = '__calledIn'
const files: string[] = []
const called = new Set<string>()

/** Forgets what was called so far. */
export function restart(): void {
  called.clear()
}

/** The files of which a function was called since the restart, in the order of the first call. */
export function order(): string[] {
  return [...called]
}

/** From now on, functions of imported files of `src` and `plugins` report when they are called. */
export function recordOrder(): void {
  Object.defineProperty(globalThis, REPORT, { value: (index: number) => called.add(files[index]!) })
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith(`${ROOT}src/`) && !url.startsWith(`${ROOT}plugins/`)) return nextLoad(url, context)
      const index = files.push(url.slice(ROOT.length)) - 1
      const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
      return { format: 'module', source: withReports(source, `${REPORT}(${index})`), shortCircuit: true }
    },
  })
}

/** @returns the code with a call at the beginning of every function and every new object of a class */
function withReports(code: string, call: string): string {
  const insertions: [position: number, text: string][] = []
  visit(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }), (node) => {
    if (node.type === 'ClassBody') insertions.push([node.start + 1, ` #${REPORT} = ${call};`])
    if (!/Function/.test(node.type)) return
    const { body } = node as unknown as { body: Node }
    if (body.type === 'BlockStatement') insertions.push([body.start + 1, `${call};`])
    else insertions.push([body.start, `(${call},`], [body.end, ')'])
  })
  let result = code
  // from the end, so that positions before stay right
  for (const [position, text] of insertions.sort(([a], [b]) => b - a)) {
    result = result.slice(0, position) + text + result.slice(position)
  }
  return result
}

function visit(node: Node, see: (node: Node) => void): void {
  see(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string' && typeof child.start === 'number') visit(child, see)
    }
  }
}
