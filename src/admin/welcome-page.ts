import type { AuthDeclaration } from '../auth/auth-schema.ts'
import type { Config } from '../config/config-schema.ts'
import { escapedText, PAGE_POLICY, pageOf } from '../listener/page-shell.ts'

/** A page of the gateway itself. */
interface OwnPage {
  /** Its name in JSON. */
  key: string
  title: string
  about: string
  path: string
  auth: AuthDeclaration
}

/** Headers that forbid the page to load or run anything, and other pages to show it in a frame. */
export const WELCOME_POLICY = `${PAGE_POLICY}; frame-ancestors 'none'`

/** The enabled pages of a gateway. */
function ownPages({ docs, status, metrics }: Pick<Config, 'docs' | 'status' | 'metrics'>): OwnPage[] {
  const pages: OwnPage[] = []
  if (docs) {
    pages.push({
      key: 'documentation',
      title: 'Documentation',
      about: 'Every operation, to read and to try out in Swagger UI',
      path: docs.path,
      auth: docs.auth ?? 'none',
    })
  }
  if (status) {
    const { path, auth } = status
    pages.push({ key: 'status', title: 'Status', about: 'Upstreams and their targets, as JSON', path, auth })
    pages.push({
      key: 'drift',
      title: 'Drift',
      about: 'Where traffic and API documents differ',
      path: `${path}/drift`,
      auth,
    })
  }
  if (metrics) {
    pages.push({ key: 'metrics', title: 'Metrics', about: 'Counters and gauges, as Prometheus text', ...metrics })
  }
  return pages
}

/** The addresses of the gateway's pages as JSON, for programs. */
export const welcomeLinks = (config: Config): Record<string, string> =>
  Object.fromEntries(ownPages(config).map(({ key, path }) => [key, path]))

/** The HTML page at the root address of a gateway, with links to its other pages. */
export function welcomePage(config: Config): string {
  const items = ownPages(config).map(
    ({ title, about, path, auth }) =>
      `<li><a href="${escapedText(path)}">${title}</a><span>${about}${isOpen(auth) ? '' : '; needs credentials'}</span></li>`,
  )
  const list =
    items.length === 0
      ? '<p>No page of this gateway is switched on: see <code>docs</code>, <code>status</code> and <code>metrics</code> in the configuration.</p>'
      : `<ul class="links">${items.join('')}</ul>`
  return pageOf(
    'Gatehouse',
    `<p class="over">Gatehouse</p>
<h1>The gateway is running</h1>
<p>Clients call the routes of its upstreams. These pages are about the gateway itself:</p>
${list}`,
  )
}

const isOpen = (auth: AuthDeclaration): boolean => auth === 'none' || (typeof auth === 'object' && 'optional' in auth)
