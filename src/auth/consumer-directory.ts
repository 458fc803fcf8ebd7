import Type, { type Static } from 'typebox'
import { LimitDeclaration } from '../limits/limit-schema.ts'
import { BootProblems, type Problem } from '../errors.ts'
import type { Consumer } from './auth-schema.ts'
import { claimAt } from './claims.ts'

/** `consumers` of the configuration. */
export const ConsumerEntries = Type.Record(
  Type.String({ minLength: 1 }),
  Type.Object(
    {
      plan: Type.Optional(Type.String({ minLength: 1, description: 'Name of the plan. It wins over `planClaim`.' })),
      groups: Type.Optional(
        Type.Array(Type.String({ minLength: 1 }), { description: 'Groups in addition to those of the credentials.' }),
      ),
      limits: Type.Optional(LimitDeclaration),
    },
    { additionalProperties: false, minProperties: 1 },
  ),
  {
    description:
      "Settings of consumers by their ids, whichever scheme is used: `{ ada: { plan: 'pro', groups: ['staff'], limits: [...] } }`. `limits` of a consumer replace those of the plan.",
  },
)
export type ConsumerEntries = Static<typeof ConsumerEntries>

/** The parts of the configuration that describe consumers. */
export interface DirectorySettings {
  consumers?: ConsumerEntries
  plans?: Readonly<Record<string, unknown>>
  /** Claim that names the plan: its name, or a path with dots. */
  planClaim?: string
  /** Plan of consumers that have no other. */
  defaultPlan?: string
}

/** Adds the plan and groups that the configuration gives to consumers. */
export class ConsumerDirectory {
  readonly #entries: ReadonlyMap<string, ConsumerEntries[string]>
  readonly #plans: ReadonlySet<string>
  readonly #settings: DirectorySettings
  readonly #isEmpty: boolean
  /** Schemes cache their consumers, so each is completed only once. */
  readonly #completed = new WeakMap<Consumer, Consumer>()

  /** @throws BootProblems for plans that do not exist */
  constructor(settings: DirectorySettings) {
    const { consumers = {}, plans = {}, planClaim, defaultPlan } = settings
    this.#settings = settings
    this.#entries = new Map(Object.entries(consumers))
    this.#plans = new Set(Object.keys(plans))
    this.#isEmpty = this.#entries.size === 0 && this.#plans.size === 0
    const problems: Problem[] = []
    const check = (field: string, plan: string | undefined): void => {
      if (plan !== undefined && !this.#plans.has(plan)) {
        problems.push({
          file: 'configuration',
          field,
          message: `found "${plan}", allowed: ${[...this.#plans].map((name) => `"${name}"`).join(', ') || 'none, since there are no plans'}`,
        })
      }
    }
    for (const [id, { plan }] of this.#entries) check(`consumers.${id}.plan`, plan)
    check('defaultPlan', defaultPlan)
    if (planClaim !== undefined && this.#plans.size === 0) {
      problems.push({ file: 'configuration', field: 'planClaim', message: 'has no effect without plans: state them' })
    }
    if (problems.length > 0) throw new BootProblems(problems)
  }

  /** The consumer with its plan, and with the groups of its entry beside its own. */
  readonly complete = (consumer: Consumer): Consumer => {
    if (this.#isEmpty) return consumer
    let found = this.#completed.get(consumer)
    if (found === undefined) {
      const { groups = [] } = this.#entries.get(consumer.id) ?? {}
      const plan = this.#planOf(consumer)
      found = Object.freeze({
        ...consumer,
        groups: Object.freeze([...new Set([...groups, ...consumer.groups])]),
        ...(plan === undefined ? {} : { plan }),
      })
      this.#completed.set(consumer, found)
    }
    return found
  }

  /** A claim that names an unknown plan is ignored. */
  #planOf({ id, claims, plan }: Consumer): string | undefined {
    const { planClaim, defaultPlan } = this.#settings
    const claimed = planClaim === undefined ? undefined : claimAt(claims, planClaim, planClaim.split('.'))
    return (
      [this.#entries.get(id)?.plan, plan, claimed].find(
        (name): name is string => typeof name === 'string' && this.#plans.has(name),
      ) ?? defaultPlan
    )
  }
}
