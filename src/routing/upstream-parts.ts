import type { Config } from '../config/config-schema.ts'
import { DnsClient } from '../traffic/discovery/dns-client.ts'
import type { DnsSettings } from '../traffic/discovery/discovery-schema.ts'
import { BootProblems } from '../errors.ts'
import { milliseconds } from '../units.ts'
import type { TargetDeclaration, UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import { prefixOf } from './declared-routes.ts'
import { timeoutSettings, type TimeoutSettings } from '../upstream/target.ts'
import { ListSource } from '../upstream/target-list.ts'
import type { FileLog } from '../upstream/target-source.ts'
import { type TrafficSettings, trafficSettings } from '../config/traffic-schema.ts'
import type { UpstreamParts } from '../upstream/upstream.ts'

/** The context that the parts of an upstream need. */
export interface PartsContext {
  config: Config
  /** File that declares it, for messages. */
  file: string
  log: FileLog
}

/** The parts of a mirror's upstream. @throws BootProblems about the files of its targets */
export function shadowParts(
  { mirror, timeouts: own, dns, paths }: UpstreamDeclaration,
  context: PartsContext,
): UpstreamParts {
  const { config } = context
  const timeouts = timeoutSettings(own, config.timeouts)
  return {
    source: source(mirror!.targets, 'mirror.targets', timeouts, dns ?? config.dns, paths, context),
    traffic: {},
    timeouts,
    path: '',
  }
}

/** The parts of an upstream, with inherited settings. @throws BootProblems about the files of its targets */
export function upstreamParts(
  declaration: Pick<UpstreamDeclaration, 'targets' | 'timeouts'> &
    Partial<Pick<UpstreamDeclaration, 'prefix' | 'split' | 'paths'>> &
    TrafficSettings,
  context: PartsContext,
): UpstreamParts {
  const { config } = context
  const { targets = [], split, paths } = declaration
  const traffic = trafficSettings(declaration, config)
  const timeouts = timeoutSettings(declaration.timeouts, config.timeouts)
  return {
    source: source(targets, 'targets', timeouts, traffic.dns, paths, context),
    traffic,
    timeouts,
    split,
    path: prefixOf(declaration),
    stickySecret: config.stickySecret,
  }
}

function source(
  targets: readonly TargetDeclaration[],
  field: string,
  { connect, firstByte }: TimeoutSettings,
  dns: DnsSettings = {},
  paths: UpstreamDeclaration['paths'],
  { config, file, log }: PartsContext,
): ListSource {
  return new ListSource(targets, field, {
    baseDir: config.baseDir,
    file,
    log,
    dns: dnsClient(dns, file),
    allAddresses: dns.addresses === 'all',
    dnsInterval: dns.ttl === undefined ? undefined : milliseconds(dns.ttl),
    connectTimeout: connect,
    firstByte,
    isAsIs: paths === 'as-is',
  })
}

function dnsClient(dns: DnsSettings, file: string): DnsClient {
  try {
    return new DnsClient(dns)
  } catch {
    throw new BootProblems([
      {
        file,
        field: 'dns.servers',
        message: `found ${JSON.stringify(dns.servers)}, allowed: IP addresses with or without a port, such as "10.0.0.2" or "[::1]:8600"`,
      },
    ])
  }
}
