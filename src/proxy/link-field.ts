/** One parameter of a link: its name, and its value when that is a quoted string (RFC 8288, section 3). */
const PARAMETER = /[ \t]*;[ \t]*(?:([^\s=;,"<]*)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|[^\s;,"]*))?)?/y
const GAP = /[ \t,]*/y

/**
 * A `Link` field with other addresses: each target and each `anchor`. From where a value is no list of links, it stays
 * as it came.
 * @param replaced  what stands in place of a URI reference
 */
export function withLinks(value: string, replaced: (reference: string) => string): string {
  let result = ''
  /** Up to where `result` goes. */
  let copied = 0
  for (let at = 0; ;) {
    at = endOf(GAP, value, at)
    const end = value[at] === '<' ? value.indexOf('>', at) : -1
    if (end === -1) return result + value.slice(copied)
    result += value.slice(copied, at + 1) + replaced(value.slice(at + 1, end))
    copied = end
    at = end + 1
    for (let found = parameterAt(value, at); found !== null; found = parameterAt(value, at)) {
      const [text, name = '', quoted] = found
      at += text.length
      if (quoted === undefined || name.toLowerCase() !== 'anchor') continue
      result +=
        value.slice(copied, at - quoted.length - 1) + replaced(quoted.replace(/\\(.)/g, '$1')).replace(/["\\]/g, '\\$&')
      copied = at - 1
    }
    at = endOf(/[ \t]*/y, value, at)
    if (value[at] !== ',') return result + value.slice(copied)
  }
}

function endOf(gap: RegExp, value: string, from: number): number {
  gap.lastIndex = from
  gap.exec(value)
  return gap.lastIndex
}

function parameterAt(value: string, from: number): RegExpExecArray | null {
  PARAMETER.lastIndex = from
  return PARAMETER.exec(value)
}
