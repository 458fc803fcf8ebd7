import { readFileSync } from 'node:fs'

// The page is what is tested: the declarations that it shows are the ones that the gateway is started with.
const PAGE = new URL('../../docs/applications.md', import.meta.url)

/** An upstream file as the page shows it. */
export interface Declaration {
  name: string
  yaml: string
  /** The first of its hosts. */
  host: string
  lines: number
}

/** @returns the upstream files of `docs/applications.md`, by name */
export function readDeclarations(text = readFileSync(PAGE, 'utf8')): Map<string, Declaration> {
  const found = new Map<string, Declaration>()
  for (const [, name, yaml] of text.matchAll(/^```yaml\n# routes\/([\w-]+)\.yaml\n([^`]+)^```$/gm)) {
    const host = /^hosts: *\[? *'?([\w.-]+)/m.exec(yaml!)?.[1]
    if (host === undefined) throw new Error(`docs/applications.md: ${name} has no hosts`)
    found.set(name!, { name: name!, yaml: yaml!, host, lines: yaml!.trim().split('\n').length })
  }
  return found
}

/** Puts the ports of running servers into a declaration, in the order of its targets. */
export function withPorts({ name, yaml }: Declaration, ports: readonly number[]): string {
  const left = [...ports]
  const text = yaml.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => String(left.shift() ?? port))
  const targets = yaml.match(/127\.0\.0\.1:\d+/g)?.length ?? 0
  if (targets !== ports.length) {
    throw new Error(`docs/applications.md: ${name} has ${targets} targets, expected ${ports.length}`)
  }
  return text
}
