import { readFile } from 'node:fs/promises'

const TARGET = 'http://127.0.0.1:5001'

/**
 * The templates of `routes/README.md`, changed as it says: only the address of the service.
 * @returns file name to content
 */
export async function readmeTemplates(
  service: string,
): Promise<Record<'inventory.ts' | 'inventory.yaml' | 'shop.ts' | 'stock.ts', string>> {
  const readme = await readFile(new URL('../../routes/README.md', import.meta.url), 'utf8')
  const [declaration, yaml, imported, plugin] = [...readme.matchAll(/^```(?:ts|yaml)\n([^]*?)^```$/gm)].map(
    ([, code]) => code!,
  )
  const filled = (template: string | undefined) => {
    if (!template?.includes(TARGET)) throw new Error('routes/README.md lacks a template, or its target')
    return template.replaceAll(TARGET, service)
  }
  return {
    'inventory.ts': filled(declaration),
    'inventory.yaml': filled(yaml),
    'shop.ts': filled(imported),
    'stock.ts': filled(plugin),
  }
}
