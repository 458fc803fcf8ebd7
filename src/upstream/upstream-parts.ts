import type { Config } from '../config/config-schema.ts'
import type { UpstreamDeclaration } from './declaration-schema.ts'
import { timeoutSettings } from './target.ts'
import { trafficSettings } from './traffic-schema.ts'
import type { UpstreamParts } from './upstream.ts'

/** What an upstream is made of, after inheritance. */
export const upstreamParts = (declaration: Pick<UpstreamDeclaration, 'targets' | 'timeouts'>, config: Config): UpstreamParts => ({
  targets: declaration.targets,
  timeouts: timeoutSettings(declaration.timeouts, config.timeouts),
  traffic: trafficSettings(declaration, config),
})
