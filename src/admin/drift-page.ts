import type { Drift, OperationDrift, Seen } from '../openapi/drift/drift-record.ts'

const STYLE = `:root{color-scheme:light dark;--line:#8884;--muted:#667;--mark:#b35c00}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:0 1rem 3rem}
header{border-bottom:1px solid var(--line);margin-bottom:1.5rem;padding:1.2rem 0 .8rem}h1{font-size:1.3rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .2rem}h3{font-size:.95rem;margin:1.2rem 0 .3rem}
p{color:var(--muted);margin:.2rem 0}table{border-collapse:collapse;width:100%}td{border-top:1px solid var(--line);padding:.35rem .6rem .35rem 0;vertical-align:top}
td:nth-child(2),td:nth-child(3){color:var(--muted);white-space:nowrap;width:1%}td:nth-child(2){font-variant-numeric:tabular-nums;text-align:right}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}.mark{color:var(--mark)}ul{columns:22rem;margin:.3rem 0;padding-left:1.2rem}
@media (max-width:40rem){td:nth-child(3){display:none}}`

/** Content Security Policy of the page: only its own style is allowed. */
export const DRIFT_PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/**
 * The page that shows where traffic and documents differ. Clients control much of its text, so all of it is escaped.
 */
export function driftPage(drifts: readonly Drift[]): string {
  const sections =
    drifts.length === 0
      ? ['<p>No upstream of this gateway has a document: name one as <code>openapi</code> in its file.</p>']
      : drifts.map(upstreamSection)
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Traffic and documents</title><style>${STYLE}</style></head>
<body><header><h1>Traffic and documents</h1><p>What was seen since the start and stands in no document. Values are never shown, only what they are like.</p></header>
<main>${sections.join('\n')}</main></body></html>`
}

function upstreamSection({ upstream, document, since, neverCalled, undescribed, operations }: Drift): string {
  const parts = [
    table('Calls that no operation describes', seenRows(undescribed)),
    ...operations.map((operation) =>
      table(`${operation.method} ${operation.path}`, operationRows(operation), `called ${times(operation.calls)}`),
    ),
    neverCalled.length === 0
      ? ''
      : `<h3>Operations that nobody has called (${neverCalled.length})</h3><ul>${neverCalled.map((name) => `<li><code>${escaped(name)}</code></li>`).join('')}</ul>`,
  ].filter((part) => part !== '')
  return `<section><h2>${escaped(upstream)}</h2><p><code>${escaped(document)}</code>, since <time>${escaped(since)}</time></p>${parts.join('') || '<p>Traffic and document agree.</p>'}</section>`
}

const operationRows = ({ statuses, query, requestFields, responseFields }: OperationDrift): string[] => [
  ...seenRows(statuses, 'status'),
  ...seenRows(query, 'in the query'),
  ...seenRows(requestFields, 'in requests'),
  ...seenRows(responseFields, 'in answers'),
]

const seenRows = (seen: Record<string, Seen>, what = ''): string[] =>
  Object.entries(seen).map(
    ([name, { count, example = '' }]) =>
      `<tr><td>${what === '' ? '' : `<span class="mark">${what}</span> `}<code>${escaped(name)}</code></td><td>${count}×</td><td>${escaped(example)}</td></tr>`,
  )

const table = (title: string, rows: readonly string[], note = ''): string =>
  rows.length === 0
    ? ''
    : `<h3>${escaped(title)}</h3>${note === '' ? '' : `<p>${note}</p>`}<table>${rows.join('')}</table>`

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
