import { readFileSync } from 'node:fs'

/** The appearance of Swagger UI. All files come from the gateway itself. */

const ARCH = '<path d="M4 28V14a12 12 0 0 1 24 0v14h-5V14a7 7 0 0 0-14 0v14z"/><path d="M13 28V16h2v12zm4 0V16h2v12z"/>'

export const FAVICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#1f3044"/><g fill="#fff" transform="translate(4 3) scale(.75)">${ARCH}</g></svg>`

export const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 170 32"><g fill="#fff">${ARCH}</g><text x="40" y="23" fill="#fff" font-family="system-ui,sans-serif" font-size="20" font-weight="600">Gatehouse</text></svg>`

/** Files that the page loads in addition to those of Swagger UI. */
export const docsStyle = (): string => readFileSync(new URL('./docs-style.css', import.meta.url), 'utf8')
export const docsPlugin = (): string => readFileSync(new URL('./docs-plugin.js', import.meta.url), 'utf8')

/** Globals of the browser that the configuration uses; docs-plugin.js defines `gatehouse`. */
interface Browser {
  SwaggerUIBundle: { plugins: { DownloadUrl: unknown } }
  gatehouse: { plugin: unknown; intercept(request: unknown): unknown }
}

/** Configuration of Swagger UI; its functions run in the browser, without access to this file. */
export const docsConfig = (configUrl: string): object => ({
  configUrl,
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  docExpansion: 'list',
  persistAuthorization: true,
  plugins: [
    () => [
      (globalThis as unknown as Browser).SwaggerUIBundle.plugins.DownloadUrl,
      (globalThis as unknown as Browser).gatehouse.plugin,
    ],
  ],
  requestInterceptor: (request: unknown) => (globalThis as unknown as Browser).gatehouse.intercept(request),
})

/** The only inline style of Swagger UI: the colours of its small logo, which ours replaces. */
const LOGO_STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"

/**
 * Content-Security-Policy of the documentation: scripts, styles and images only from the gateway. Requests may also go
 * to the servers that the document names. Not `upgrade-insecure-requests`: over plain HTTP the page would not load.
 */
export function docsPolicy(servers: readonly { url: string }[] = []): string {
  const origins = servers
    .map(({ url }) => URL.parse(url)?.origin)
    .filter((origin) => origin !== undefined && origin !== 'null')
  return [
    "default-src 'self'",
    "base-uri 'none'",
    `connect-src ${[...new Set(["'self'", ...origins])].join(' ')}`,
    "font-src 'self' data:",
    "form-action 'none'",
    "frame-ancestors 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "script-src 'self'",
    `style-src 'self' ${LOGO_STYLE}`,
  ].join('; ')
}
