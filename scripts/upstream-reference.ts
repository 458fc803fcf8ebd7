import { UpstreamDeclaration } from '../src/upstream/declaration-schema.ts'
import { cell, referenceSections, table } from './schema-reference.ts'
import { schemaNode } from '../src/config/schema-wording.ts'

const INTRODUCTION = `# Fields of an upstream file

<!-- Generated from src/upstream/declaration-schema.ts by \`npm run docs\`. -->

These are the fields of the object that a file in \`routes/\` exports with \`defineUpstream\`, or that a YAML or JSON file there
holds. [routing.md](routing.md) describes how they work together. All fields are checked at boot. An unknown key is a mistake.`

/** The text of \`docs/upstream-reference.md\`. */
export function upstreamReference(): string {
  const sections = referenceSections(schemaNode(UpstreamDeclaration), new Set(['auth'])).map(
    ({ title, description, rows }) =>
      [
        title ? `## \`${title}\`` : '## The upstream',
        ...(title && description ? [description] : []),
        table(
          ['Key', 'Type', 'Required', 'Description'],
          rows.map((row) => [`\`${row.key}\``, cell(row.type), row.required ? 'yes' : '', cell(row.description)]),
        ),
      ].join('\n\n'),
  )
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`
}
