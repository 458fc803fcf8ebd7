import type { Config } from '../src/config/config-schema.ts'

/**
 * What the demo prints: where the documentation is, two tokens, and lines to copy into a shell.
 * @param url  where the gateway listens
 */
export function welcome (url: string, config: Config, tokens: { read: string, write: string }, watch: boolean): string {
  const bearer = `-H "Authorization: Bearer ${tokens.read}"`
  const docs = config.docs === false ? 'switched off' : url + config.docs.path
  return `
  Gatehouse listens on ${url}, in front of four services: orders, users, live and catalog.

  Swagger UI
    ${docs}

  A read-only token
    ${tokens.read}

  A read-write token
    ${tokens.write}

  Three lines to try
    # 200: with a token
    curl -i ${bearer} ${url}/orders

    # 401: without one
    curl -i ${url}/orders

    # 429: the sixth of six users, where five a minute are allowed
    curl -s -o /dev/null -w "%{url_effective} %{http_code}\\n" ${bearer} "${url}/users/[1-6]"

  ${watch ? 'Changes in routes/ are taken over at once. ' : ''}Ctrl-C ends everything.
`
}
