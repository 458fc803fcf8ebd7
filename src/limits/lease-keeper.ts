import { randomUUID } from 'node:crypto'
import { LEASE_MS } from './limit-script.ts'

/** Leases that one command renews, so that no command blocks Redis for long. */
const BATCH = 500

/** The commands for Redis. Their failures do not matter, since a lease ends by itself. */
export interface LeaseCommands {
  renew(leases: readonly (readonly [key: string, id: string])[]): void
  end(key: string, id: string): void
}

/**
 * The places that requests in flight of this process take in Redis. Each is a lease that expires, so that a gateway that
 * crashes blocks its consumers only for a short time. Leases of long requests are renewed, and so come back when Redis
 * has lost them.
 */
export class LeaseKeeper {
  readonly #commands: LeaseCommands
  readonly #owner = randomUUID()
  readonly #held = new Map<string, string>()
  #count = 0
  #timer: NodeJS.Timeout | null = null

  constructor(commands: LeaseCommands) {
    this.#commands = commands
  }

  get size(): number {
    return this.#held.size
  }

  /** An id for the next request; unique among all gateways. */
  newId(): string {
    return `${this.#owner}:${(this.#count++).toString(36)}`
  }

  /** @returns ends the lease */
  hold(key: string, id: string): () => void {
    const lease = `${id} ${key}`
    this.#held.set(lease, key)
    this.#timer ??= setInterval(() => this.#renew(), LEASE_MS / 3).unref()
    return () => {
      if (this.#held.delete(lease)) this.#commands.end(key, id)
    }
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #renew(): void {
    const leases = [...this.#held].map(([lease, key]) => [key, lease.slice(0, lease.indexOf(' '))] as const)
    for (let i = 0; i < leases.length; i += BATCH) this.#commands.renew(leases.slice(i, i + BATCH))
  }
}
