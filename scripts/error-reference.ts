import { ERRORS } from '../src/errors.ts'
import { cell, table } from './schema-reference.ts'

const INTRODUCTION = `# Errors

<!-- Generated from src/errors.ts by \`npm run docs\`. -->

Errors of the gateway are \`application/problem+json\` (RFC 9457). A client whose \`Accept\` prefers \`text/html\` to JSON, as a
browser that opens an address, gets the same as a small page without scripts. Errors of an upstream are passed on unchanged.

\`\`\`json
{
  "type": "urn:gatehouse:error:GW_NOT_FOUND",
  "title": "No such route",
  "status": 404,
  "detail": "No route matches this method, host and path: see the documentation of this gateway for its routes.",
  "instance": "/nowhere",
  "code": "GW_NOT_FOUND",
  "requestId": "0b8f4c1e6a2d4f0e9c7b5a3d1e8f6042"
}
\`\`\`

- \`code\` never changes its meaning, so programs can rely on it.
- \`requestId\` is also in the gateway's log.
- \`GW_VALIDATION\` has the member \`errors\`: a list of \`in\` (\`body\`, \`query\`, \`params\` or \`headers\`), \`pointer\` (JSON pointer,
  RFC 6901) and \`expected\`.
- \`GW_FORBIDDEN\` has the member \`missingScopes\` if the credentials lack scopes.`

/** The text of \`docs/errors.md\`. */
export function errorReference(): string {
  const rows = Object.entries(ERRORS).map(([name, { status, title, message }]) => [
    `\`${name}\``,
    String(status),
    cell(title),
    cell(message),
  ])
  return `${INTRODUCTION}\n\n${table(['Code', 'Status', 'Title', 'What to do'], rows)}\n`
}
