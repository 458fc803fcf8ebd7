import { executionAsyncResource } from 'node:async_hooks'

/**
 * One of Node's own tick objects, kept alive for ever. V8 drops the shape of objects of which none is left when it goes
 * through the whole heap; `process.nextTick` makes its objects with computed names, and after such a loss it would make
 * each of them in a way that is ten times dearer, for as long as the process lives. Every request takes several ticks.
 */
export let keptTick: object | undefined

process.nextTick(() => {
  keptTick = executionAsyncResource()
})
