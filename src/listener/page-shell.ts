import { createHash } from 'node:crypto'

/** The style of every page of the gateway: light and dark, for small and large screens. */
const STYLE = `:root{color-scheme:light dark;--ink:#1b2330;--soft:#5b6675;--line:#dfe4ea;--paper:#fff;--ground:#f4f6f8;--accent:#0b5cad}
@media (prefers-color-scheme:dark){:root{--ink:#e8ecf1;--soft:#a3afbd;--line:#333d49;--paper:#1b2129;--ground:#12161b;--accent:#7db8f5}}
*{box-sizing:border-box}body{background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif;margin:0;padding:clamp(1rem,8vh,5rem) 1rem}
main{background:var(--paper);border:1px solid var(--line);border-radius:12px;margin:0 auto;max-width:38rem;padding:clamp(1.25rem,5vw,2.25rem)}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}p{margin:0 0 1rem}.over{color:var(--soft);font-weight:600;letter-spacing:.04em;margin:0 0 .25rem}
code{font:.9em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}ul{margin:0 0 1rem;padding:0 0 0 1.2rem}
a{color:var(--accent)}dl{border-top:1px solid var(--line);display:grid;gap:.4rem 1rem;grid-template-columns:max-content minmax(0,1fr);margin:1.5rem 0 0;padding:1rem 0 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}.links{list-style:none;margin:0;padding:0}.links li{border-top:1px solid var(--line);padding:.7rem 0}.links li:last-child{padding-bottom:0}.links span{color:var(--soft);display:block;font-size:.9rem}`

/** What the pages may do: nothing but show the style above, and no icon. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; img-src data:; base-uri 'none'; form-action 'none'`

export const PAGE_CONTENT_TYPE = 'text/html; charset=utf-8'

/** A complete page. @param content  HTML, with every value in it escaped */
export const pageOf = (title: string, content: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><title>${escapedText(title)}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body><main>
${content}
</main></body></html>
`

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\u0000': '\ufffd',
}

/** Escapes text for the content and the quoted attributes of a page. */
// eslint-disable-next-line no-control-regex -- NUL is an error in HTML
export const escapedText = (text: string): string => text.replace(/[&<>"'\u0000]/g, (character) => ENTITIES[character]!)
