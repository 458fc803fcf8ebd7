import { CONFIG_ENDINGS } from '../src/config/config-file.ts'
import { ConfigSchema } from '../src/config/config-schema.ts'
import { environmentVariables } from '../src/config/environment.ts'
import { cell, code, referenceSections, table } from './schema-reference.ts'
import { schemaNode } from '../src/config/schema-wording.ts'

const INTRODUCTION = `# Configuration

<!-- Generated from src/config/config-schema.ts by \`npm run docs\`. -->

Every setting has a default, so a gateway needs no configuration file. Settings come from four places. The first place that states
a setting wins:

1. options of the command line (\`--host\`, \`--port\`, \`--routes\`),
2. environment variables,
3. the configuration file: the one of \`--config\`, else \`gatehouse.config\` with the ending ${CONFIG_ENDINGS.map((ending) => `\`${ending}\``).join(', ')} in the working directory,
4. the defaults below.

\`\`\`ts
// gatehouse.config.ts
import { defineConfig } from 'gatehouse'

export default defineConfig({
  port: 8080,
  trustProxy: ['10.0.0.0/8'],
  rateLimit: { max: 1000, window: '1 minute' },
})
\`\`\`

Relative paths in the file and in the environment start at the folder of the configuration file, or at the working
directory if there is none. Paths on the command line and in \`..._FILE\` variables start at the working directory.

Everything is checked before the gateway starts. Each mistake is reported in one line with the file or variable, the field,
what was found and what is allowed. Unknown keys and unknown \`GATEHOUSE_...\` variables are mistakes. All mistakes are
reported at once. \`gatehouse check\` reports them without starting the gateway.

## Environment variables

Every plain value has a variable, named in the tables. An empty variable counts as absent. Lists are separated by commas
(\`GATEHOUSE_TRUST_PROXY=10.0.0.0/8,::1\`). A variable of a section that is off switches the section on
(\`GATEHOUSE_METRICS_AUTH=none\`). \`false\` switches a section off (\`GATEHOUSE_DOCS=false\`).
Variables that Kubernetes sets for a service called \`gatehouse\` (\`GATEHOUSE_SERVICE_HOST\`, \`GATEHOUSE_PORT=tcp://...\`) are ignored.

Secrets can be kept in files. A variable with \`..._FILE\` names a file whose content is the value, without the newline at its
end. No message shows a secret.`

/** The text of \`docs/configuration.md\`. */
export function configReference(): string {
  const variables = new Map(environmentVariables(ConfigSchema).map((variable) => [variable.path.join('.'), variable]))
  const variableText = (path: readonly string[]): string => {
    const variable = variables.get(path.join('.'))
    if (!variable) return ''
    return variable.secret ? `\`${variable.name}\` or \`${variable.name}_FILE\`` : `\`${variable.name}\``
  }
  const sections = referenceSections(schemaNode(ConfigSchema), new Set(['auth'])).map(({ title, description, rows }) =>
    [
      title ? `### \`${title}\`` : '## Settings',
      ...(title && description ? [description] : []),
      table(
        ['Key', 'Type', 'Default', 'Environment variable', 'Description'],
        rows.map((row) => [
          `\`${row.key}\``,
          cell(row.type),
          row.required ? 'required' : code(row.default),
          variableText(row.path),
          cell(row.description),
        ]),
      ),
    ].join('\n\n'),
  )
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`
}
