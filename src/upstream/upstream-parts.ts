import type { Config } from '../config/config-schema.ts'
import type { UpstreamDeclaration } from './declaration-schema.ts'
import { prefixOf } from './declared-routes.ts'
import { timeoutSettings } from './target.ts'
import { type TrafficSettings, trafficSettings } from './traffic-schema.ts'
import type { UpstreamParts } from './upstream.ts'

/** What the shadow of an upstream is made of. */
export const shadowParts = ({ mirror, timeouts }: UpstreamDeclaration, config: Config): UpstreamParts => ({
  targets: mirror!.targets,
  timeouts: timeoutSettings(timeouts, config.timeouts),
  traffic: {},
  path: '',
})

/** What an upstream is made of, after inheritance. */
export const upstreamParts = (declaration: Pick<UpstreamDeclaration, 'targets' | 'timeouts'> & Partial<Pick<UpstreamDeclaration, 'prefix' | 'split'>> & TrafficSettings, config: Config): UpstreamParts => ({
  targets: declaration.targets,
  timeouts: timeoutSettings(declaration.timeouts, config.timeouts),
  traffic: trafficSettings(declaration, config),
  split: declaration.split,
  path: prefixOf(declaration),
  stickySecret: config.stickySecret,
})
