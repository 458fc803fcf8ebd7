import type { SchemeName } from '../auth/auth-schema.ts'

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

/**
 * The page of Swagger UI. `@fastify/swagger-ui` has one too, which has no viewport (so that phones show it 980 pixels
 * wide) and takes the title as HTML.
 * @param path   where the documentation is
 * @param title  of the whole gateway
 */
export function docsPage(path: string, title: string): string {
  const files = `${path}/static`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" type="image/svg+xml" href="${files}/theme/favicon.svg">
<link rel="stylesheet" href="${files}/swagger-ui.css">
<link rel="stylesheet" href="${files}/index.css">
<link rel="stylesheet" href="${files}/theme/gatehouse.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${files}/swagger-ui-bundle.js"></script>
<script src="${files}/swagger-ui-standalone-preset.js"></script>
<script src="${files}/theme/gatehouse.js"></script>
<script src="${files}/swagger-initializer.js"></script>
</body>
</html>
`
}

const ASK = 'Ask the operator of this gateway for one.'

/** Where credentials come from, unless `gateway.yaml` says it: for the "Authorize" dialog of the documentation. */
const HINTS: Partial<Record<SchemeName, string>> = {
  jwt: `A token (JWT), without the word Bearer. ${ASK}`,
  introspection: `An access token, without the word Bearer. ${ASK}`,
  apiKey: `An API key. ${ASK}`,
  basic: 'Name and password of an account. Ask the operator of this gateway for one.',
  clientCertificate: 'The client presents its certificate when it connects: there is nothing to enter here.',
}

/**
 * A Security Scheme Object that says where its credentials come from.
 * @param stated   what `gateway.yaml` says
 * @param issuers  the issuers of the tokens, for those who have to ask one
 */
export function withHint(
  name: SchemeName,
  security: Readonly<Record<string, unknown>>,
  stated: string | undefined,
  issuers: readonly string[] = [],
): object {
  const issued = issuers.length > 0 ? `A token (JWT) of ${issuers.join(' or ')}, without the word Bearer.` : undefined
  const description = stated ?? security.description ?? issued ?? HINTS[name]
  return description === undefined ? security : { ...security, description }
}

/**
 * What Swagger UI reads before its first document: those that it offers. Its own configuration is fixed before the
 * upstreams are known.
 * @param path  of the documentation
 * @param title  of the whole gateway
 */
export function documentChoice(
  path: string,
  title: string,
  upstreams: readonly string[],
): { urls?: { url: string; name: string }[] } {
  // a choice of one is none
  if (upstreams.length === 0) return {}
  return {
    urls: [
      { url: `${path}/json`, name: title },
      ...upstreams.map((name) => ({ url: `${path}/upstreams/${encodeURIComponent(name)}.json`, name })),
    ],
  }
}
