/** One value of a metric, with its labels. */
export interface Counted<Label extends string> {
  labels: Record<Label, string>
  value: number
}

/** Counts events by labels. Events are always counted, but published only when metrics are enabled. */
export class EventCounter<Label extends string = string> implements Iterable<Counted<Label>> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly Label[]
  readonly #counted = new Map<string, Counted<Label>>()

  constructor(name: string, help: string, labelNames: readonly Label[]) {
    this.name = name
    this.help = help
    this.labelNames = labelNames
  }

  /** @param labels  must have few different values: each combination is kept for ever */
  inc(labels: Record<Label, string>): void {
    let key = ''
    for (const name of this.labelNames) key += `${labels[name]}\n`
    const counted = this.#counted.get(key)
    if (counted === undefined) this.#counted.set(key, { labels: { ...labels }, value: 1 })
    else counted.value++
  }

  [Symbol.iterator](): Iterator<Counted<Label>> {
    return this.#counted.values()
  }
}

/** The counters of one gateway; several gateways can live in a process. */
export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  return {
    responseViolations: new EventCounter(
      'gatehouse_response_violations_total',
      'Responses that broke the schema of their route.',
      ['upstream', 'route', 'status'],
    ),
    requestViolations: new EventCounter(
      'gatehouse_request_violations_total',
      'Requests that broke the API document of their route; in the mode "report" they went on.',
      ['upstream', 'route', 'mode'],
    ),
    requestsUnchecked: new EventCounter(
      'gatehouse_requests_unchecked_total',
      'Requests that went on with a body that was not checked: too large, of unknown length, or encoded.',
      ['upstream', 'route'],
    ),
    cacheStoreErrors: new EventCounter(
      'gatehouse_cache_store_errors_total',
      'Operations of the store of the cache that failed; each is a miss to the request.',
      ['operation'],
    ),
    decisions: new EventCounter(
      'gatehouse_upstream_decisions_total',
      'What the traffic engine has decided about targets and attempts.',
      ['decision', 'upstream', 'target'],
    ),
  } as const
}
