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
