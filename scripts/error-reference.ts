import { ERRORS } from '../src/errors.ts'
import { cell, table } from './schema-reference.ts'

const INTRODUCTION = `# Errors

<!-- Generated from src/errors.ts by \`npm run docs\`. -->

Every error that the gateway itself answers is \`application/problem+json\` (RFC 9457). A client whose \`Accept\` prefers \`text/html\` to
JSON, as browsers do when they open an address, gets the same as a small page without scripts. Errors of an upstream are passed on
as they are.

\`\`\`json
{
  "type": "urn:gatehouse:error:GW_NOT_FOUND",
  "title": "No such route",
  "status": 404,
  "detail": "No route matches this method, host and path: see the documentation of this gateway for those that exist.",
  "instance": "/nowhere",
  "code": "GW_NOT_FOUND",
  "requestId": "0b8f4c1e6a2d4f0e9c7b5a3d1e8f6042"
}
\`\`\`

\`code\` never changes its meaning, so programs can rely on it. \`requestId\` stands in the gateway's log too. \`GW_VALIDATION\` has a
further member \`errors\`: a list of \`in\` (\`body\`, \`query\`, \`params\` or \`headers\`), \`pointer\` (JSON pointer, RFC 6901) and \`expected\`. \`GW_FORBIDDEN\` has \`missingScopes\` when the
credentials lack scopes.`

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
