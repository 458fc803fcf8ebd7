import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { UpstreamDeclaration } from '../../src/upstream/declaration-schema.ts'
import type { Scope } from './demo-process.ts'

/** Starts a gateway in this process in front of these upstreams. Returns its address. */
export async function startGateway(scope: Scope, ...upstreams: UpstreamDeclaration[]): Promise<string> {
  const routes = await mkdtemp(join(tmpdir(), 'gatehouse-routes-'))
  scope.after(() => rm(routes, { recursive: true, force: true }))
  for (const upstream of upstreams) await writeFile(join(routes, `${upstream.name}.json`), JSON.stringify(upstream))
  const config = await loadConfig({
    env: { GATEHOUSE_ROUTES: routes, GATEHOUSE_LOG_LEVEL: 'silent' },
    overrides: { port: 0 },
    cwd: routes,
  })
  const app = await buildApp(config)
  scope.after(() => app.close())
  return app.listen({ host: config.host, port: 0 })
}
