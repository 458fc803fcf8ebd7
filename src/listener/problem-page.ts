import type { Violation } from '../errors.ts'
import { escapedText, pageOf } from './page-shell.ts'

/** Most violations and further members that are shown, and longest text of each. */
const MOST_VIOLATIONS = 20
const MOST_MEMBERS = 10
const LONGEST = 300

/** Members that have places of their own. */
const PLACED: ReadonlySet<string> = new Set(['type', 'title', 'status', 'detail', 'instance', 'code', 'requestId', 'errors'])

/**
 * A problem document (RFC 9457) as a page, for browsers. Clients choose much of the text, so all of it is escaped and bounded.
 * @param retryAfter  `Retry-After`, in seconds
 */
export function problemPage (problem: Readonly<Record<string, unknown>>, retryAfter?: string): string {
  const { title, status, detail, instance, code, requestId, errors } = problem
  const further = Object.entries(problem).filter(([name]) => !PLACED.has(name)).slice(0, MOST_MEMBERS)
  const rows = [
    row('Path', coded(instance)),
    row('Code', coded(code)),
    ...further.map(([name, value]) => row(shown(name), shownValue(value))),
    row('Try again in', retryAfter === undefined ? '' : `${shown(retryAfter)} s`),
    row('Request id', coded(requestId)),
  ]
  return pageOf(`${String(status)} ${cut(title)}`, `<p class="over">${shown(status)}</p>
<h1>${shown(title)}</h1>
<p>${code === 'GW_VALIDATION' && errors !== undefined ? 'Correct these parts and send the request again.' : shown(detail)}</p>
${violations(errors)}<dl>${rows.join('')}</dl>`)
}

function violations (errors: unknown): string {
  if (!Array.isArray(errors) || errors.length === 0) return ''
  const items = (errors as Partial<Violation>[]).slice(0, MOST_VIOLATIONS)
    .map(({ in: part, pointer, expected }) => `<li><code>${shown(`${cut(part)}${cut(pointer)}`)}</code> ${shown(expected)}</li>`)
  if (errors.length > MOST_VIOLATIONS) items.push(`<li>${errors.length - MOST_VIOLATIONS} more</li>`)
  return `<ul>${items.join('')}</ul>\n`
}

const row = (name: string, value: string): string => value === '' ? '' : `<dt>${name}</dt><dd>${value}</dd>`

const coded = (value: unknown): string => value === '' ? '' : `<code>${shown(value)}</code>`

function shownValue (value: unknown): string {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string') ? shown(value.join(', ')) : ''
  return typeof value === 'object' ? '' : shown(value)
}

const cut = (value: unknown): string => {
  const text = String(value ?? '')
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}

const shown = (value: unknown): string => escapedText(cut(value))
