import type { Config } from '../src/config/config-schema.ts'

/**
 * What the demo prints: where it is, two tokens, and lines to copy into a shell. It fits on one screen.
 * @param url  where the gateway listens
 */
export function welcome(
  url: string,
  { docs }: Pick<Config, 'docs'>,
  tokens: { read: string; write: string },
  watch: boolean,
): string {
  const bearer = '-H "authorization: Bearer $TOKEN"'
  return `
Gatehouse listens on ${url}, in front of four services.
Swagger UI: ${docs === false ? 'switched off' : url + docs.path}

Two tokens, to copy into another terminal; the second one may only read:
TOKEN=${tokens.write}
READ_TOKEN=${tokens.read}

Then try there:
  200, with a token
    curl -i ${url}/orders ${bearer}
  401, without one
    curl -i ${url}/orders
  429, for the sixth of six users: five a minute are allowed
    curl -s -o /dev/null -w '%{http_code}\\n' "${url}/users/[1-6]" ${bearer}

${watch ? 'Changes in routes/ are taken over at once. ' : ''}Ctrl-C ends everything.
`
}
