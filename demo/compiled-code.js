// Preloaded with --import: keeps the code of the demo without types and compiled, as bin/gatehouse.js does for the gateway, so that the
// second start is faster and needs no memory for the removal of types. Plain JavaScript, since its own types would have to be removed.
import module from 'node:module'
import { fileURLToPath } from 'node:url'

module.enableCompileCache(
  process.env.NODE_COMPILE_CACHE || fileURLToPath(new URL('../node_modules/.cache/gatehouse', import.meta.url)),
)
