import { reasonOf } from '../errors.ts'
import { CommandFailure } from './failure.ts'

/** Parses `name: value` lines as headers. A name given twice becomes one header with both values. */
export function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined) throw new CommandFailure(`-H ${JSON.stringify(line)} is no header, allowed: 'name: value'`)
    const key = name.toLowerCase()
    headers[key] = Object.hasOwn(headers, key) ? `${headers[key]}, ${value}` : value!
  }
  return headers
}

/** A page of a running gateway that a command can ask. */
export interface GatewayPage {
  /** Its name in messages. */
  page: string
  /** A path where it may be. */
  example: string
  /** The configuration section with its path and `auth`. */
  setting: string
  /** Whether the JSON is a response of this page. */
  isAnswer(answer: Record<string, unknown>): boolean
}

/** Time limit for the response of a running gateway, in milliseconds. */
const PATIENCE = 10_000

/**
 * Sends a POST request to a page of a running gateway.
 * @param gateway  URL of the page, as `--gateway` gives it
 * @param below    path below it
 */
export async function askGateway<T>(
  gateway: string,
  below: string,
  headers: Record<string, string>,
  question: object,
  { page, example, setting, isAnswer }: GatewayPage,
): Promise<T> {
  if (!/^https?:\/\/[^/?#]+\/[^?#]*$/.test(gateway)) {
    throw new CommandFailure(
      `--gateway ${JSON.stringify(gateway)} is no URL of ${page}, allowed: http://127.0.0.1:3000${example}`,
    )
  }
  let answer: Response
  try {
    answer = await fetch(`${gateway.replace(/\/$/, '')}${below}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(question),
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    })
  } catch (error) {
    throw new CommandFailure(`${gateway} does not answer: ${reasonOf((error as Error).cause ?? error)}`)
  }
  const json: unknown = await answer.json().catch(() => ({}))
  const said = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>
  if (answer.ok && isAnswer(said)) return said as T
  const advice =
    answer.status === 404 || answer.status === 405
      ? `expected the path of '${setting}' in its configuration`
      : answer.status === 401 || answer.status === 403
        ? `send what its '${setting}.auth' asks for with --gateway-header 'name: value'`
        : typeof said.detail === 'string'
          ? said.detail
          : 'no gateway of this version'
  throw new CommandFailure(`${gateway} answers ${answer.status}: ${advice}`)
}
