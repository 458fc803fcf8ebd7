import { executionAsyncResource } from 'node:async_hooks'

/**
 * Keeps one of Node's own tick objects alive for ever. A full garbage collection drops the hidden class of objects when
 * none of them is left. `process.nextTick` creates its objects with computed keys, and after that loss each one would
 * take ten times as long to create, for the rest of the process. Every request uses several ticks.
 */
export let keptTick: object | undefined

process.nextTick(() => {
  keptTick = executionAsyncResource()
})
