/**
 * Why an attempt brought no response: the connection never stood; it broke, or what came was no response; the target
 * was too slow; or the client went away, which says nothing about the target.
 */
export type AttemptFailure = 'unreachable' | 'broken' | 'timeout' | 'cancelled'

/**
 * Watches how one target does, and may hold it back. Rooms that judge targets (health, resilience) have one of these
 * for each target of an upstream that asks for them.
 */
export interface TargetMonitor {
  /** Whether it judges the health of the target, which is passed over when too few are well. Default: false. */
  readonly isHealth?: boolean
  /** Whether a new attempt may be made now. Cheap: asked at each selection. Default: always. */
  isAvailable?(): boolean
  /** Milliseconds until a new attempt may be made; 0 for now, or when it is not known. Default: 0. */
  availableIn?(): number
  /** An attempt begins. */
  began?(): void
  /**
   * The head of a response has come, long before its end perhaps. Not called when none comes.
   * @param firstByte  milliseconds until then
   */
  answered?(status: number, firstByte: number): void
  /**
   * An attempt is over; called once for each that began, when the response has ended too.
   * @param status     of the response; 0 when none came
   * @param failure    null when the response came whole
   * @param firstByte  milliseconds until the response began; 0 when none came
   */
  ended?(status: number, failure: AttemptFailure | null, firstByte: number): void
  /** Under what its state is handed on. */
  readonly name?: string
  /**
   * What the monitor of the same target should know that takes over from this one, after a reload; null for nothing.
   * Plain data.
   */
  remember?(): object | null
  /** Takes over what another has remembered, before `start`. @param state  numbers by name */
  recall?(state: Readonly<Record<string, number>>): void
  /** What people and programs may know of it. */
  describe?(): Record<string, unknown>
  /** Begins what it does by itself; called once the gateway listens. */
  start?(): void
  /** Ends timers. */
  close?(): void
}
