import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Launch } from './child-process.ts'
import { largeDocument, NEW_RESOURCE } from './large-document.ts'
import type { Place } from './native-proxies.ts'
import type { Subject } from './subjects.ts'

/** A gateway whose routes are those of a large document, with or without checks of their requests. */
const gateway =
  (validation: 'enforce' | 'off', start: (place: Place, config: string) => Launch) =>
  (place: Place): Launch => {
    const { folder, backend } = place
    for (const part of ['routes', 'openapi']) mkdirSync(join(folder, part), { recursive: true })
    writeFileSync(join(folder, 'openapi/large.json'), JSON.stringify(largeDocument()))
    writeFileSync(
      join(folder, 'routes/large.json'),
      JSON.stringify({
        name: 'large',
        auth: 'none',
        targets: [`http://${backend}`],
        openapi: 'large.json',
        requestValidation: validation,
      }),
    )
    const config = join(folder, 'gatehouse.config.json')
    writeFileSync(config, JSON.stringify({ routes: './routes', openapi: './openapi' }))
    return start(place, config)
  }

/**
 * Routes of an imported document, validated and not; only when they are named.
 * @param start  how to start a gateway with a configuration
 */
export function documentSubjects(start: (place: Place, config: string) => Launch): Subject[] {
  const read = { path: '/resource-42/7?limit=20&status=open', headers: [{}] }
  const write = { path: '/resource-42', headers: [{ 'content-type': 'application/json' }], body: NEW_RESOURCE }
  const refusals: NonNullable<Subject['proofs']> = [
    { path: '/resource-42/none', headers: {}, status: 400 },
    { path: '/resource-42/7?limit=2000', headers: {}, status: 400 },
    {
      path: '/resource-42',
      headers: { 'content-type': 'application/json' },
      body: NEW_RESOURCE.replace('AB-123456', 'AB-12345'),
      status: 400,
    },
  ]
  const row = (
    name: string,
    label: string,
    validation: 'enforce' | 'off',
    asked: Pick<Subject, 'path' | 'headers' | 'body'>,
  ): Subject => ({
    name,
    label,
    group: 'small',
    ...asked,
    optional: true,
    launch: gateway(validation, start),
    ...(validation === 'enforce' ? { proofs: refusals } : {}),
  })
  return [
    row('document-get', 'gateway, GET of a document of 600 operations', 'enforce', read),
    row('document-get-off', 'gateway, the same not validated', 'off', read),
    row('document-post', 'gateway, POST of 378 bytes to the same', 'enforce', write),
    row('document-post-off', 'gateway, the same not validated', 'off', write),
  ]
}
