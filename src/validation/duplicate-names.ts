import { endOfString } from '../schema/json-lines.ts'

/**
 * Whether an object in a JSON text has a name twice. The validator sees the last value; a backend that reads the first
 * would get an unchecked one.
 * @param text   well-formed JSON
 * @param value  the parsed value; the text has a duplicate when it has more names than the value
 */
export const holdsNameTwice = (text: string, value: unknown): boolean =>
  typeof value === 'object' && value !== null && namesOfText(text) !== namesOfValue(value)

/** Counts the names in a text: colons outside of strings. */
function namesOfText(text: string): number {
  let names = 0
  let colon = text.indexOf(':')
  for (let at = 0; colon !== -1;) {
    const quote = text.indexOf('"', at)
    if (quote === -1 || quote > colon) {
      names++
      at = colon + 1
      colon = text.indexOf(':', at)
      continue
    }
    // colons within a string do not count
    at = endOfString(text, quote)
    if (colon < at) colon = text.indexOf(':', at)
  }
  return names
}

function namesOfValue(value: object): number {
  let names = 0
  const waiting: object[] = [value]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const values: unknown[] = Array.isArray(next) ? next : Object.values(next)
    if (!Array.isArray(next)) names += values.length
    for (const item of values) if (typeof item === 'object' && item !== null) waiting.push(item)
  }
  return names
}
