#!/usr/bin/env node
// Plain JavaScript without anything recent, so that an old Node gets to the line that says it is old.
import module from 'node:module'
import v8 from 'node:v8'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const LEAST = 24
const root = new URL('../', import.meta.url).href

/** Users of the package can do nothing about the warning that this function is experimental. */
function stripQuietly(source) {
  const { emitWarning } = process
  process.emitWarning = function () {}
  try {
    return module.stripTypeScriptTypes(source)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Node refuses to strip types below node_modules, which is where an installed package is. */
function stripOwnTypes() {
  module.registerHooks({
    load(url, context, nextLoad) {
      const path = url.startsWith(root) ? url.slice(root.length) : ''
      if (!/^[^?#]*\.ts$/.test(path) || path.includes('node_modules/')) return nextLoad(url, context)
      return { format: 'module', source: stripQuietly(readFileSync(fileURLToPath(url), 'utf8')), shortCircuit: true }
    },
  })
}

if (Number(process.versions.node.split('.')[0]) < LEAST) {
  process.stderr.write(
    'gatehouse: needs Node.js ' +
      LEAST +
      ' or newer, this is ' +
      process.version +
      ': "npm i -D node" brings one to a project, which npx and its scripts then use\n',
  )
  process.exitCode = 1
} else {
  // what passes through is memory outside of the heap, for which V8 would else go through the whole heap several times a second
  v8.setFlagsFromString('--external-memory-accounted-in-global-limit')
  // starts a quarter faster the second time; where it cannot be written, nothing is kept. Not in /tmp, which is Node's choice:
  // what is kept there is run as it is, and others can write there
  module.enableCompileCache(
    process.env.NODE_COMPILE_CACHE || fileURLToPath(new URL('node_modules/.cache/gatehouse', root)),
  )
  if (root.includes('/node_modules/')) stripOwnTypes()
  import('../src/main.ts')
}
