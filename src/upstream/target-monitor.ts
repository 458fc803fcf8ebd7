/**
 * Why an attempt brought no response: no connection was made; it broke, or the answer was not HTTP; the target was too
 * slow; or the client went away, which says nothing about the target.
 */
export type AttemptFailure = 'unreachable' | 'broken' | 'timeout' | 'cancelled'

/**
 * Watches one target, and may make it unavailable. Health checks, outlier detection, circuit breakers and balancing
 * policies are monitors, one for each target of an upstream that has them.
 */
export interface TargetMonitor {
  /** Whether it judges health, which is ignored when too few targets are healthy. Default: false. */
  readonly isHealth?: boolean
  /** Whether a new attempt may be made now. Cheap: asked at each selection. Default: always. */
  isAvailable?(): boolean
  /** Milliseconds until a new attempt may be made; 0 for now, or when it is not known. Default: 0. */
  availableIn?(): number
  /** An attempt begins. */
  began?(): void
  /**
   * The head of a response has come. Not called when there is none.
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
  /** Key of its state in `TargetMemory`. */
  readonly name?: string
  /**
   * Its state, as plain data, for the monitor that takes over after a reload; null for none.
   */
  remember?(): object | null
  /** Takes over the state of the monitor before; called before `start`. @param state  numbers by name */
  recall?(state: Readonly<Record<string, number>>): void
  /** Its state, for operators. */
  describe?(): Record<string, unknown>
  /** Starts its timers; called once the gateway listens. */
  start?(): void
  /** Stops its timers. */
  close?(): void
}
