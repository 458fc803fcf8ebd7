import type { Limit, LimitRegistry } from './limit-registry.ts'
import { type LimitDeclaration, limitRules } from './limit-schema.ts'

/** The limits of a plan, or of one consumer. */
export interface PlanSet {
  name: string
  limits: readonly Limit[]
}

interface PlanSettings {
  plans?: Record<string, { limits: LimitDeclaration }>
  consumers?: Record<string, { limits?: LimitDeclaration }>
}

/** The limits of consumers, on every authenticated route: their own, or else those of their plan. */
export class PlanLimits {
  readonly #plans = new Map<string, PlanSet>()
  readonly #consumers = new Map<string, PlanSet>()

  /** @throws BootProblems when a limit is invalid */
  constructor({ plans = {}, consumers = {} }: PlanSettings, registry: LimitRegistry) {
    const compile = (name: string, declaration: LimitDeclaration): PlanSet => ({
      name,
      limits: limitRules(name, declaration).map((rule) => registry.limit(rule, 'configuration')),
    })
    for (const [name, { limits }] of Object.entries(plans)) this.#plans.set(name, compile(`plan:${name}`, limits))
    for (const [id, { limits }] of Object.entries(consumers)) {
      if (limits !== undefined) this.#consumers.set(id, compile(`consumer:${id}`, limits))
    }
  }

  get isEmpty(): boolean {
    return this.#plans.size === 0 && this.#consumers.size === 0
  }
  get all(): Limit[] {
    return [...this.#plans.values(), ...this.#consumers.values()].flatMap(({ limits }) => limits)
  }

  /** The limits of a consumer; null when it has none of its own and no plan. */
  of({ id, plan }: { id: string; plan?: string }): PlanSet | null {
    return this.#consumers.get(id) ?? (plan === undefined ? undefined : this.#plans.get(plan)) ?? null
  }
}
