/** Maximum length of a path and of a name in the line of a request, in characters. */
const LONGEST_PATH = 100
const LONGEST_NAME = 40
/** Maximum length of a message and of a value in other lines, and maximum number of lines of a stack trace. */
const LONGEST_VALUE = 1000
const STACK_LINES = 30
/** Maximum number of fields in a line. */
const FIELDS = 30

/** Fields that have no place of their own on a terminal, or stand at the end. */
const LEFT_OUT: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err', 'reqId'])
const ACCESS: ReadonlySet<unknown> = new Set(['request', 'request aborted'])

const RED = 31
const GREEN = 32
const YELLOW = 33
const CYAN = 36

type LogRecord = Record<string, unknown>

/** Whether a stream supports colours and the user has not disabled them (no-color.org). */
export const wantsColors = ({ isTTY }: { isTTY?: boolean }, { NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean =>
  isTTY === true && !NO_COLOR && TERM !== 'dumb'

/**
 * Formats a readable log line. Clients control much of the text, so every character that a terminal would interpret is
 * escaped.
 * @param line  JSON, as the logger writes it
 * @returns `GET /orders 200 46ms orders ada` for a request; the message and the other fields for the rest
 */
export function terminalLine(line: string, colors: boolean): string {
  const record = parsed(line)
  if (record === null) return `${shown(line, LONGEST_VALUE)}\n`
  const paint: Paint = colors ? (color, text) => `\u001b[${color}m${text}\u001b[39m` : (_color, text) => text
  const { method, status } = record
  if (ACCESS.has(record.msg) && typeof method === 'string' && typeof status === 'number') {
    return requestLine(record, status, paint)
  }
  return otherLine(record, paint)
}

type Paint = (color: number, text: string) => string

function requestLine(record: LogRecord, status: number, paint: Paint): string {
  const { method, path, ms, upstream, consumer } = record
  const names = [upstream, consumer].map((name) => (typeof name === 'string' ? shown(name, LONGEST_NAME) : undefined))
  // a consumer alone would look like an upstream
  if (names[1] !== undefined) names[0] ??= '-'
  const words = [
    shown(method, LONGEST_NAME),
    shown(path, LONGEST_PATH),
    paint(statusColor(status), String(status)),
    duration(ms),
    ...names,
    remarks(record),
  ]
  return `${words.filter((word) => word !== undefined && word !== '').join(' ')}\n`
}

function statusColor(status: number): number {
  if (status >= 500) return RED
  if (status >= 400) return YELLOW
  return status >= 300 ? CYAN : GREEN
}

function duration(ms: unknown): string | undefined {
  if (typeof ms !== 'number') return undefined
  if (ms >= 10_000) return `${Math.round(ms / 1000)}s`
  return ms >= 1 ? `${Math.round(ms)}ms` : `${ms.toFixed(1)}ms`
}

/** The unusual facts about a request. */
function remarks({ cache, attempts, fellBack, aborted }: LogRecord): string {
  const found: string[] = []
  if (typeof cache === 'string') found.push(`cache: ${shown(cache, LONGEST_NAME)}`)
  if (typeof attempts === 'number') found.push(`attempts: ${attempts}`)
  if (fellBack === true) found.push('fell back')
  if (aborted === true) found.push('aborted')
  return found.join(', ')
}

function otherLine(record: LogRecord, paint: Paint): string {
  const { msg, reqId, err } = record
  const fields = Object.entries(record)
    .filter(([name]) => !LEFT_OUT.has(name))
    .slice(0, FIELDS)
  if (reqId !== undefined) fields.push(['reqId', reqId])
  const words = [
    severity(record.level, paint),
    typeof msg === 'string' ? shown(msg, LONGEST_VALUE) : undefined,
    ...fields.map(([name, value]) => `${shown(name, LONGEST_NAME)}=${fieldValue(value)}`),
  ]
  return `${words.filter((word) => word !== undefined).join(' ')}\n${stack(err)}`
}

/** The severity, unless it is the usual one. */
function severity(level: unknown, paint: Paint): string | undefined {
  if (typeof level !== 'number' || level === 30) return undefined
  if (level >= 60) return paint(RED, 'FATAL')
  if (level >= 50) return paint(RED, 'ERROR')
  if (level >= 40) return paint(YELLOW, 'WARN')
  return level >= 20 ? 'DEBUG' : 'TRACE'
}

function fieldValue(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return shown(value, LONGEST_VALUE)
  return shown(JSON.stringify(value), LONGEST_VALUE)
}

function stack(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { type, message, stack } = error as LogRecord
  const lines =
    typeof stack === 'string'
      ? stack.split('\n', STACK_LINES)
      : [`${String(type ?? 'Error')}: ${String(message ?? '')}`]
  return lines
    .filter((line) => line !== '')
    .map((line) => `  ${shown(line, LONGEST_VALUE / 4)}\n`)
    .join('')
}

/**
 * Control characters (C0, C1), zero-width characters such as those that change the direction of text, and line
 * separators.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Text without characters that a terminal would interpret, cut when it is too long. */
function shown(value: unknown, longest: number): string {
  const text = typeof value === 'string' ? value : String(value ?? '')
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text
  return cut.replace(UNSAFE, escaped)
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  const code = character.codePointAt(0)!.toString(16)
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`
}

function parsed(line: string): LogRecord | null {
  try {
    const record: unknown = JSON.parse(line)
    return typeof record === 'object' && record !== null && !Array.isArray(record) ? (record as LogRecord) : null
  } catch {
    return null
  }
}
