import type { SchemeName } from '../auth/auth-schema.ts'

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

/**
 * The page of Swagger UI. The page of `@fastify/swagger-ui` has no viewport (phones show it 980 pixels wide) and
 * inserts the title as HTML.
 * @param path   path of the documentation
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

/** Where clients get credentials, for the "Authorize" dialog. `gateway.yaml` overrides these texts. */
const HINTS: Partial<Record<SchemeName, string>> = {
  jwt: `A token (JWT), without the word Bearer. ${ASK}`,
  introspection: `An access token, without the word Bearer. ${ASK}`,
  apiKey: `An API key. ${ASK}`,
  basic: 'Name and password of an account. Ask the operator of this gateway for one.',
  clientCertificate: 'The client presents its certificate when it connects: there is nothing to enter here.',
}

/**
 * Adds to a Security Scheme Object where clients get its credentials.
 * @param stated   the description in `gateway.yaml`
 * @param issuers  the issuers of the tokens
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
 * The list of documents, which Swagger UI loads first. It is not part of its configuration, which is fixed before the
 * upstreams are known.
 * @param path  of the documentation
 * @param title  of the whole gateway
 */
export function documentChoice(
  path: string,
  title: string,
  upstreams: readonly string[],
): { urls?: { url: string; name: string }[] } {
  // with one document there is nothing to choose
  if (upstreams.length === 0) return {}
  return {
    urls: [
      { url: `${path}/json`, name: title },
      ...upstreams.map((name) => ({ url: `${path}/upstreams/${encodeURIComponent(name)}.json`, name })),
    ],
  }
}
