/**
 * Milliseconds of the processor that this process has used. They do not pass while other processes are at work, unlike
 * those of a clock.
 */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
