import type { Balancer, Candidate } from './balancer.ts'
import type { BalanceDeclaration, PolicyName } from './balancer-schema.ts'
import { FirstAvailable, RoundRobin } from './round-robin.ts'
import { Latency } from './latency.ts'
import { LeastRequests } from './least-requests.ts'
import { PowerOfTwo, RandomChoice } from './random-choice.ts'
import { RendezvousHash, requestKey } from './rendezvous-hash.ts'
import { type StickyScope, StickySession } from './sticky-session.ts'

const POLICIES: Record<PolicyName, new <T extends Candidate>() => Balancer<T>> = {
  'round-robin': RoundRobin,
  'least-requests': LeastRequests,
  'power-of-two': PowerOfTwo,
  latency: Latency,
  random: RandomChoice,
  'first-available': FirstAvailable,
}

/** Creates the policy of an upstream from `balance`. */
export function balancerOf<T extends Candidate>(
  balance: BalanceDeclaration = 'round-robin',
  scope: StickyScope,
): Balancer<T> {
  if (typeof balance === 'string') return new POLICIES[balance]<T>()
  const { hash, sticky = {} } = balance
  if (hash !== undefined) return new RendezvousHash<T>(requestKey(hash))
  const { policy = 'round-robin', ...settings } = sticky
  return new StickySession<T>(settings, scope, new POLICIES[policy]<T>())
}
