import { DriftRecord } from './drift-record.ts'
import type { ApiDocument } from '../../schema/types.ts'

/** The comparisons of all upstreams that have a document. */
export class DriftRegistry implements Iterable<DriftRecord> {
  readonly #records = new Map<string, DriftRecord>()

  /** Compares the traffic of an upstream with its document from now on. */
  watch(upstream: string, document: ApiDocument, prefix: string, hosts: readonly string[] | undefined): void {
    this.add(new DriftRecord(upstream, document, prefix, hosts))
  }

  add(record: DriftRecord): void {
    this.#records.set(record.upstream, record)
  }
  get(upstream: string | undefined): DriftRecord | undefined {
    return upstream === undefined ? undefined : this.#records.get(upstream)
  }
  [Symbol.iterator](): Iterator<DriftRecord> {
    return this.#records.values()
  }

  /**
   * A call that no route answers: it is told of the upstream under whose prefix it would be, the longest first.
   * @param host  as it came, with or without a port
   * @param path  public path without its query
   */
  unanswered(method: string, host: string, path: string): void {
    let nearest: DriftRecord | undefined
    for (const record of this.#records.values()) {
      if (record.covers(host, path) && !(nearest !== undefined && nearest.prefix.length >= record.prefix.length)) {
        nearest = record
      }
    }
    nearest?.undescribed(method, path)
  }
}
