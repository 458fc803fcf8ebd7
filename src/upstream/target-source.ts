import type { FastifyBaseLogger } from 'fastify'
import type { DnsClient } from '../traffic/discovery/dns-client.ts'
import type { TargetSettings } from './target-settings.ts'

/** The log for files and names that change. */
export type FileLog = Pick<FastifyBaseLogger, 'info' | 'error' | 'warn'>

/** Where the targets of an upstream come from. The list may change while the gateway runs. */
export interface TargetSource {
  /** Those known now; replaced as a whole. */
  readonly targets: readonly TargetSettings[]
  /**
   * Starts to look for targets and for changes. Resolves after the first lookup.
   * @param changed  called whenever `targets` is another list
   */
  start(changed: () => void): Promise<void>
  /** Stops all lookups. */
  close(): void
}

/** What a source needs. */
export interface SourceParts {
  /** Folder that relative files start from. */
  baseDir: string
  /** File that declares the upstream, for messages. */
  file: string
  log: FileLog
  dns: DnsClient
  /** Whether each address of a name is a target by itself. */
  allAddresses: boolean
  /** Milliseconds between two lookups; undefined to follow the TTL. */
  dnsInterval: number | undefined
  /** Milliseconds until a connection must be made. */
  connectTimeout: number
  /** Milliseconds until a response must begin. */
  firstByte: number
  /** Whether paths are forwarded byte for byte, which excludes targets with a base path. */
  isAsIs: boolean
}
