import { ERRORS, type Violation } from '../errors.ts'
import { escapedText, pageOf } from './page-shell.ts'

/** The maximum number of violations and further members shown, and the maximum length of each. */
const MOST_VIOLATIONS = 20
const MOST_MEMBERS = 10
const LONGEST = 300

/** Members that the page shows separately. */
const PLACED: ReadonlySet<string> = new Set([
  'type',
  'title',
  'status',
  'detail',
  'instance',
  'code',
  'requestId',
  'errors',
])

/**
 * Renders a problem document (RFC 9457) as an HTML page. Clients control much of the text, so all of it is escaped and
 * limited in length.
 * @param retryAfter  `Retry-After`, in seconds
 * @param challenges  `WWW-Authenticate`
 */
export function problemPage(
  problem: Readonly<Record<string, unknown>>,
  retryAfter?: string,
  challenges?: string,
): string {
  const { title, status, detail, instance, code, requestId, errors } = problem
  const further = Object.entries(problem)
    .filter(([name]) => !PLACED.has(name))
    .slice(0, MOST_MEMBERS)
  const rows = [
    row('Path', coded(instance)),
    row('Code', coded(code)),
    ...further.map(([name, value]) => row(shown(name), shownValue(value))),
    row('Try again in', retryAfter === undefined ? '' : `${shown(retryAfter)} s`),
    row('Request id', coded(requestId)),
  ]
  return pageOf(
    `${String(status)} ${cut(title)}`,
    `<p class="over">${shown(status)}</p>
<h1>${shown(title)}</h1>
<p>${code === 'GW_VALIDATION' && errors !== undefined ? 'Correct these parts and send the request again.' : shown(detail === ERRORS.GW_UNAUTHORIZED.message ? credentialsText(challenges) : detail)}</p>
${violations(errors)}<dl>${rows.join('')}</dl>`,
  )
}

/** Readable names of authentication schemes; other schemes are shown by their own names. */
const KINDS: Readonly<Record<string, string>> = {
  bearer: 'a token (Authorization: Bearer)',
  apikey: 'an API key',
  basic: 'name and password (HTTP Basic)',
  signature: 'a signature (HTTP Message Signatures)',
}
/**
 * Matches the scheme at the beginning of a challenge, outside quotes. Parameters differ by the `=` after their names
 * (RFC 9110, section 11.6.1).
 */
const SCHEME = /(?:^|,)\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?=\s+[^=\s]|\s*(?:,|$))/g
const QUOTED = /"(?:[^"\\]|\\.)*"/g

/** A readable message for a 401: the user of a browser does not see the response headers. */
function credentialsText(challenges = ''): string {
  const schemes = [
    ...challenges
      .slice(0, LONGEST * MOST_MEMBERS)
      .replace(QUOTED, 'x')
      .matchAll(SCHEME),
  ].map(([, name]) => name!)
  const kinds = [...new Set(schemes.map((name) => KINDS[name.toLowerCase()] ?? name))]
  if (kinds.length === 0) return 'Send valid credentials. Ask the operator of this gateway which kind they are of.'
  const asksPeople = schemes.some((name) => name.toLowerCase() === 'basic')
  return `Send valid credentials: ${kinds.join(' or ')}.${asksPeople ? '' : ' A browser does not send them by itself: use a program that does.'}`
}

function violations(errors: unknown): string {
  if (!Array.isArray(errors) || errors.length === 0) return ''
  const items = (errors as Partial<Violation>[])
    .slice(0, MOST_VIOLATIONS)
    .map(
      ({ in: part, pointer, expected }) =>
        `<li><code>${shown(`${cut(part)}${cut(pointer)}`)}</code>: expected ${shown(expected)}</li>`,
    )
  if (errors.length > MOST_VIOLATIONS) items.push(`<li>${errors.length - MOST_VIOLATIONS} more</li>`)
  return `<ul>${items.join('')}</ul>\n`
}

const row = (name: string, value: string): string => (value === '' ? '' : `<dt>${name}</dt><dd>${value}</dd>`)

const coded = (value: unknown): string => (value === '' ? '' : `<code>${shown(value)}</code>`)

function shownValue(value: unknown): string {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string') ? shown(value.join(', ')) : ''
  return typeof value === 'object' ? '' : shown(value)
}

const cut = (value: unknown): string => {
  const text = String(value ?? '')
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}

const shown = (value: unknown): string => escapedText(cut(value))

/** The maximum number of `Accept` members evaluated; browsers send eight. */
const MOST_ACCEPTED = 30

const RANGE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/
const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/**
 * Whether a client prefers HTML to JSON, as browsers do when they open a page. A client that names neither, or gives
 * both the same weight, gets JSON.
 * @param accept  `Accept` (RFC 9110, section 12.5.1); parameters of types other than `q` are not compared
 */
export function prefersHtml(accept: string | undefined): boolean {
  // most clients do not mention text types at all
  if (accept === undefined || !/text\//i.test(accept)) return false
  const weights = weightsOf(accept)
  const json = Math.max(weightOf(weights, 'application', 'json'), weightOf(weights, 'application', 'problem+json'))
  return weightOf(weights, 'text', 'html') > json
}

/** Weights by media range; malformed members are ignored. */
function weightsOf(accept: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const member of accept.toLowerCase().split(',', MOST_ACCEPTED)) {
    const [range, ...parameters] = member.split(';').map((part) => part.trim())
    if (!RANGE.test(range!)) continue
    const stated = parameters.find((parameter) => parameter.startsWith('q='))
    const weight = stated === undefined ? 1 : Number(WEIGHT.exec(stated)?.[1] ?? NaN)
    if (!Number.isNaN(weight)) weights.set(range!, weight)
  }
  return weights
}

/** The weight of a media type: that of the most specific range that matches it. */
const weightOf = (weights: ReadonlyMap<string, number>, type: string, subtype: string): number =>
  weights.get(`${type}/${subtype}`) ?? weights.get(`${type}/*`) ?? weights.get('*/*') ?? 0

/**
 * The `Vary` header of a response whose format depends on `Accept` (RFC 9110, section 12.5.5). @param stated  its
 * current value
 */
export function variedByAccept(stated: string | number | string[] | undefined): string {
  const fields = [stated ?? []].flat().join(', ')
  if (fields === '') return 'Accept'
  return /(?:^|,)\s*(?:accept|\*)\s*(?:,|$)/i.test(fields) ? fields : `${fields}, Accept`
}
