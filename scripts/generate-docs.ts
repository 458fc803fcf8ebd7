import { writeFileSync } from 'node:fs'
import { configReference } from './config-reference.ts'
import { errorReference } from './error-reference.ts'
import { phaseReference } from './phase-reference.ts'
import { upstreamReference } from './upstream-reference.ts'

/** The generated pages, by their path in the repository. A test compares them with the files. */
export const GENERATED_DOCS: Record<string, () => string> = {
  'docs/configuration.md': configReference,
  'docs/errors.md': errorReference,
  'docs/phases.md': phaseReference,
  'docs/upstream-reference.md': upstreamReference,
}

if (import.meta.main) {
  for (const [path, generate] of Object.entries(GENERATED_DOCS)) {
    writeFileSync(new URL(`../${path}`, import.meta.url), generate())
    console.log(path)
  }
}
