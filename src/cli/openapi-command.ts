import { writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { readFailure } from '../config/data-file.ts'
import type { SchemaObject } from '../contract/json-schema.ts'
import { lookingConfig, type ConfigOptions } from './command-config.ts'
import { CommandFailure } from './failure.ts'

/** The document of the whole gateway. */
export async function gatewayDocument (options: ConfigOptions): Promise<SchemaObject> {
  const config = await lookingConfig(options)
  const { buildApp } = await import('../app.ts')
  // the document is there even when it is not published
  const app = await buildApp(config)
  const document = (app as unknown as { swagger (): SchemaObject }).swagger()
  await app.close()
  return document
}

/** `gatehouse openapi`: the document of the whole gateway, YAML when `out` ends so, else JSON. */
export async function openapi (options: ConfigOptions & { out?: string }): Promise<number> {
  const document = await gatewayDocument(options)
  const { out } = options
  const text = out !== undefined && /\.ya?ml$/.test(out) ? stringify(document, { aliasDuplicateObjects: false }) : `${JSON.stringify(document, null, 2)}\n`
  if (out === undefined) process.stdout.write(text)
  else {
    try {
      writeFileSync(out, text)
    } catch (error) {
      throw new CommandFailure(`${out} cannot be written: ${readFailure(error)}`)
    }
  }
  return 0
}
