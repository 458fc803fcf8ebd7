import { allowed, branches, type SchemaNode } from '../src/config/schema-wording.ts'

/** One field of a reference page. */
export interface ReferenceRow {
  key: string
  type: string
  /** Whether it must be stated: it is required and has no default. */
  required: boolean
  default: unknown
  description: string
  path: readonly string[]
}

/** The fields of one object. */
export interface ReferenceSection {
  /** Dotted path, with `[]` after lists; empty for the top. */
  title: string
  description: string
  rows: ReferenceRow[]
}

const isSection = (schema: SchemaNode): boolean => schema.type === 'object' && schema.properties !== undefined

/** The objects that a field can be, or be a list of. */
function sectionsOf(schema: SchemaNode): { shape: SchemaNode; list: boolean }[] {
  return branches(schema).flatMap((branch): { shape: SchemaNode; list: boolean }[] => {
    if (isSection(branch)) return [{ shape: branch, list: false }]
    const items = branch.type === 'array' && branch.items ? branches(branch.items) : []
    return items.filter(isSection).map((shape) => ({ shape, list: true }))
  })
}

function typeText(schema: SchemaNode): string {
  const section = sectionsOf(schema)[0]
  if (schema.title || !section) return allowed(schema)
  if (!schema.anyOf) return section.list ? 'list of sections, see below' : 'section, see below'
  const others = branches(schema)
    .filter((branch) => !isSection(branch))
    .map(allowed)
  return [...others, 'section, see below'].join(' or ')
}

function rowsOf(schema: SchemaNode, path: readonly string[]): ReferenceRow[] {
  return Object.entries(schema.properties ?? {}).map(([key, part]) => ({
    key,
    type: typeText(part),
    required: (schema.required?.includes(key) ?? false) && part.default === undefined,
    default: part.default,
    description: part.description ?? '',
    path: [...path, key],
  }))
}

/**
 * The fields of a schema, section by section, as its reference page tells them. What stands in several places, such as
 * a limit, is told at the outermost.
 * @param inline  keys whose own title says everything, so that they get no section
 */
export function referenceSections(schema: SchemaNode, inline: ReadonlySet<string> = new Set()): ReferenceSection[] {
  const told = new Set<SchemaNode>()
  const queue = [{ shape: schema, title: '', description: '', path: [] as readonly string[] }]
  const sections: ReferenceSection[] = []
  for (const { shape, title, description, path } of queue) {
    sections.push({ title, description, rows: rowsOf(shape, path) })
    for (const [key, part] of Object.entries(shape.properties ?? {})) {
      if (inline.has(key)) continue
      for (const inner of sectionsOf(part)) {
        if (told.has(inner.shape)) continue
        told.add(inner.shape)
        queue.push({
          shape: inner.shape,
          title: `${title ? `${title}.` : ''}${key}${inner.list ? '[]' : ''}`,
          description: inner.shape.description ?? part.description ?? '',
          path: [...path, key],
        })
      }
    }
  }
  return sections
}

/** Text inside a table cell of Markdown. */
export const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** A value as code, or nothing. */
export function code(value: unknown): string {
  if (value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value))) return ''
  return `\`${cell(typeof value === 'string' ? value : JSON.stringify(value))}\``
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
