/**
 * Whether a header came more than once. Of some, such as `Authorization`, Node keeps the first only, and whoever reads
 * the message after it may go by the last.
 * @param name  in small letters
 */
export function isRepeated(rawHeaders: readonly string[], name: string): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    // the length first: it spares the copy in small letters of nearly every name
    if (rawHeaders[i]!.length !== name.length || rawHeaders[i]!.toLowerCase() !== name) continue
    if (seen) return true
    seen = true
  }
  return false
}
