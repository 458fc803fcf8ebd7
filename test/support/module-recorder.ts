import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/**
 * Preloaded with `--import`: writes the URL of each module that the process has loaded into the file `MODULES_FILE`, at
 * its end.
 */
const loaded: string[] = []
if (isMainThread) {
  registerHooks({
    load(url, context, nextLoad) {
      loaded.push(url)
      return nextLoad(url, context)
    },
  })
  process.on('exit', () => writeFileSync(process.env.MODULES_FILE!, loaded.join('\n')))
}
