import { quietConfig, type ConfigOptions } from './command-config.ts'

/** `gatehouse check`: loads everything that `start` would, listens nowhere, and prints every problem at once. */
export async function check (options: ConfigOptions): Promise<number> {
  const config = await quietConfig(options)
  const { buildApp } = await import('../app.ts')
  const app = await buildApp(config)
  const { rows } = app.routeTable
  const files = new Set(rows.map(({ file }) => file)).size
  process.stdout.write(`configuration, ${rows.length} ${rows.length === 1 ? 'route' : 'routes'} of ${files} ${files === 1 ? 'file' : 'files'} and documents are right\n`)
  for (const { document, warnings } of app.apis) for (const note of [...warnings, ...document.notes]) process.stdout.write(`note: ${note}\n`)
  await app.close()
  return 0
}
