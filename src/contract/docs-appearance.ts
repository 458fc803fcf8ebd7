/** What makes Swagger UI look like part of the gateway; everything comes from the gateway itself. */

const ARCH = '<path d="M4 28V14a12 12 0 0 1 24 0v14h-5V14a7 7 0 0 0-14 0v14z"/><path d="M13 28V16h2v12zm4 0V16h2v12z"/>'

export const FAVICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#1f3044"/><g fill="#fff" transform="translate(4 3) scale(.75)">${ARCH}</g></svg>`

export const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 170 32"><g fill="#fff">${ARCH}</g><text x="40" y="23" fill="#fff" font-family="system-ui,sans-serif" font-size="20" font-weight="600">Gatehouse</text></svg>`

const ARROW = "url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 12 8'%3E%3Cpath d='m1 1 5 5 5-5' fill='none' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E\")"

/** The bar holds the logo, the choice of a document and the switch to dark colours; on a phone the choice has a line of its own. */
export const STYLE = `.swagger-ui .topbar { background: #1f3044; padding: 12px 0 }
.swagger-ui .topbar .topbar-wrapper { align-items: center; display: flex; flex-flow: row wrap; gap: 12px 24px }
.swagger-ui .topbar .topbar-wrapper a.link { flex: 1 1 auto; max-width: none }
.swagger-ui .topbar .download-url-wrapper { flex: 0 1 auto; min-width: 0 }
.swagger-ui .topbar .download-url-wrapper:not(:has(select)) { display: none }
.swagger-ui .topbar .download-url-wrapper .select-label { align-items: center; color: #c9d4df; display: flex; gap: 12px; margin: 0; max-width: none; width: auto }
.swagger-ui .topbar .download-url-wrapper .select-label span { flex: none; font-size: 14px; font-weight: 400; padding: 0 }
.swagger-ui .topbar .download-url-wrapper .select-label select { appearance: none; background: #2d445d ${ARROW} no-repeat right 14px center / 12px 8px; border: 1px solid #587089; border-radius: 6px; box-shadow: none; color: #fff; cursor: pointer; flex: 1 1 auto; font-size: 15px; font-weight: 600; height: 40px; line-height: 38px; margin: 0; max-width: 360px; min-width: 200px; padding: 0 40px 0 14px; text-overflow: ellipsis; width: auto }
.swagger-ui .topbar .download-url-wrapper .select-label select:hover { border-color: #9fb3c8 }
.swagger-ui .topbar .download-url-wrapper .select-label select:focus-visible { outline: 2px solid #8ec5ff; outline-offset: 2px }
.swagger-ui .topbar .dark-mode-toggle { margin: 0 }
.swagger-ui .info { margin: 32px 0 }
@media (max-width: 640px) {
  .swagger-ui .topbar .download-url-wrapper { flex: 1 0 100%; order: 1 }
  .swagger-ui .topbar .download-url-wrapper .select-label { width: 100% }
  .swagger-ui .topbar .download-url-wrapper .select-label span { display: none }
  .swagger-ui .topbar .download-url-wrapper .select-label select { max-width: none; min-width: 0 }
  .swagger-ui .wrapper { padding: 0 16px }
  .swagger-ui .info { margin: 24px 0 }
  .swagger-ui .opblock-body { overflow-x: auto }
}
`

/** The one style that Swagger UI puts in at run time: the colours of the small logo that ours replaces. */
const LOGO_STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"

/**
 * Content-Security-Policy of the documentation: scripts, styles and pictures of the gateway alone. Requests may also go to
 * the servers that the document names. Not `upgrade-insecure-requests`: over plain HTTP the page would not load.
 */
export function docsPolicy (servers: readonly { url: string }[] = []): string {
  const origins = servers.map(({ url }) => URL.parse(url)?.origin).filter((origin) => origin !== undefined && origin !== 'null')
  return [
    "default-src 'self'", "base-uri 'none'", `connect-src ${[...new Set(["'self'", ...origins])].join(' ')}`, "font-src 'self' data:", "form-action 'none'",
    "frame-ancestors 'self'", "img-src 'self' data:", "object-src 'none'", "script-src 'self'", `style-src 'self' ${LOGO_STYLE}`,
  ].join('; ')
}
