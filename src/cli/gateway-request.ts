import { reasonOf } from '../errors.ts'
import { CommandFailure } from './failure.ts'

/** Milliseconds that a running gateway may take to answer. */
const PATIENCE = 10_000

/** A page of a running gateway that a command asks. */
export interface GatewayPage {
  url: string
  headers: Record<string, string>
  /** What of the configuration names the page, such as `status`. */
  setting: string
}

/** Sends JSON to a page of a running gateway. @returns what it answers @throws CommandFailure that says what to do */
export async function askGateway ({ url, headers, setting }: GatewayPage, below: string, body: object): Promise<Record<string, unknown>> {
  if (!/^https?:\/\/[^/?#]+\/[^?#]*$/.test(url)) throw new CommandFailure(`--gateway ${JSON.stringify(url)} is no URL of the page of '${setting}', allowed: such as http://127.0.0.1:3000/${setting.replace('.', '/')}`)
  let answer: Response
  try {
    answer = await fetch(url.replace(/\/$/, '') + below, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body), redirect: 'error', signal: AbortSignal.timeout(PATIENCE) })
  } catch (error) {
    throw new CommandFailure(`${url} does not answer: ${reasonOf((error as Error).cause ?? error)}`)
  }
  const found = await answer.json().catch(() => null) as Record<string, unknown> | null
  if (answer.ok && found !== null) return found
  const advice = answer.status === 404 || answer.status === 405
    ? `expected the path of '${setting}' in its configuration`
    : answer.status === 401 || answer.status === 403 ? `send what its '${setting}.auth' asks for with --gateway-header 'name: value'` : found?.detail ?? 'no gateway of this version'
  throw new CommandFailure(`${url} answers ${answer.status}: ${advice}`)
}
