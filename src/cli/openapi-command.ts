import { writeFileSync } from 'node:fs'
import { readFailure } from '../schema/data-file.ts'
import type { ApiPortal } from '../portal/api-portal.ts'
import { lookingConfig, type ConfigOptions } from './command-config.ts'
import { CommandFailure } from './failure.ts'

/** The documents of a gateway: one for the whole gateway and one for each upstream. */
export async function gatewayPortal(options: ConfigOptions): Promise<ApiPortal> {
  const config = await lookingConfig(options)
  const { buildApp } = await import('../app.ts')
  // build the documents even when the configuration does not publish them
  const app = await buildApp(config)
  const { portal } = app
  await app.close()
  return portal
}

/**
 * `gatehouse openapi`: writes the document of the whole gateway or of one upstream: as YAML when `out` ends with .yaml
 * or .yml, else as JSON.
 */
export async function openapi(options: ConfigOptions & { out?: string; upstream?: string }): Promise<number> {
  const portal = await gatewayPortal(options)
  const { out, upstream } = options
  const document = upstream === undefined ? portal.whole : portal.upstream(upstream)
  if (document === undefined) {
    throw new CommandFailure(
      `no document of "${upstream}", there is one of ${portal.upstreams().join(', ') || 'no upstream'}`,
    )
  }
  const text =
    out !== undefined && /\.ya?ml$/.test(out) ? await document.yaml() : `${JSON.stringify(document.value, null, 2)}\n`
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
