import { setImmediate } from 'node:timers/promises'
import type { stringify } from 'yaml'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'

/** The depth of paths and components. */
const DEPTH = 2
/** Lines are not folded, since they are indented afterwards. */
const OPTIONS = { aliasDuplicateObjects: false, lineWidth: 0 }

/** A document as YAML. It is written in pieces, with other work in between, since a large document takes seconds. */
export async function documentYaml(document: SchemaObject): Promise<string> {
  const yaml = await import('yaml')
  let text = ''
  for (const piece of pieces(yaml.stringify, document, 0)) {
    text += piece
    await setImmediate()
  }
  return text
}

function* pieces(write: typeof stringify, value: SchemaObject, depth: number): Generator<string> {
  const indent = '  '.repeat(depth)
  for (const [key, part] of Object.entries(value)) {
    const splits = depth < DEPTH && isObject(part) && Object.keys(part).length > 0
    const lines = write({ [key]: splits ? 0 : part }, OPTIONS)
    yield (splits ? lines.slice(0, -' 0\n'.length) + '\n' : lines).replace(/^(?=.)/gm, indent)
    if (splits) yield* pieces(write, part, depth + 1)
  }
}
