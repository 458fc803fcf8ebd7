import { test } from 'node:test'
import { fuzz } from './fuzz/run.ts'

// the long form is `npm run fuzz`
test('a thousand odd connections leave a gateway with everything on as it was', { timeout: 300_000 }, async () => {
  await fuzz({ seed: 1, connections: 1000 })
})
