import type { FastifyBaseLogger } from 'fastify'
import type { DnsClient } from '../traffic/discovery/dns-client.ts'
import type { TargetSettings } from './target-settings.ts'

/** What is told about files and names that change. */
export type FileLog = Pick<FastifyBaseLogger, 'info' | 'error' | 'warn'>

/** Where the targets of an upstream come from. The list may change while the gateway runs. */
export interface TargetSource {
  /** Those known now; replaced as a whole. */
  readonly targets: readonly TargetSettings[]
  /**
   * Begins to look for targets and for changes.
   * @param changed  called whenever `targets` is another list
   * @returns when as much is known as can be at first
   */
  start(changed: () => void): Promise<void>
  /** Ends the looking. */
  close(): void
}

/** What sources are made with. */
export interface SourceParts {
  /** Folder that relative files start from. */
  baseDir: string
  /** File that declares the upstream, for messages. */
  file: string
  log: FileLog
  dns: DnsClient
  /** Whether each address of a name is a target by itself. */
  allAddresses: boolean
  /** How often to ask for names, in milliseconds, if that is stated. */
  dnsInterval: number | undefined
  /** Milliseconds until a connection must stand. */
  connectTimeout: number
  /** Milliseconds until a response must begin. */
  firstByte: number
  /** Whether paths go on as they came: a target with a path of its own would not keep them below it. */
  isAsIs: boolean
}
