import { isObject } from '../schema/json-schema.ts'
import type { ApiDocument } from '../schema/types.ts'
import type { DocumentedRoute } from './openapi-operation.ts'
import { passedPrefix } from './portal-visibility.ts'

/** A Tag Object (OpenAPI 3.1, section 4.8.22). */
export interface TagObject {
  name: string
  description?: string
  externalDocs?: object
}

/** Collects the tags of operations and their descriptions. */
export class DocumentTags {
  readonly #single: boolean
  /** Tags that operations use, by upstream. */
  readonly #used = new Map<string, Set<string>>()
  readonly #descriptions = new Map<string, string>()

  /** @param single  whether to use the tags of the imported document when the upstream file states none */
  constructor(single: boolean) {
    this.#single = single
  }

  /** The tags of a route. */
  of({ schema, config: { upstream = '', upstreamDescription, api } }: DocumentedRoute): readonly string[] | undefined {
    let tags: readonly string[] | undefined = schema?.tags
    const own: unknown = api?.operation.object.tags
    if (
      this.#single &&
      Array.isArray(own) &&
      own.length > 0 &&
      own.every((tag) => typeof tag === 'string') &&
      tags?.every((tag) => tag === upstream)
    ) {
      tags = own
    }
    const used = this.#used.get(upstream) ?? new Set()
    for (const tag of tags ?? []) used.add(tag)
    this.#used.set(upstream, used)
    if (upstreamDescription !== undefined) this.#descriptions.set(upstream, upstreamDescription)
    return tags
  }

  /** Whether the upstream has operations. */
  hasOperations(upstream: string): boolean {
    return this.#used.has(upstream)
  }

  /**
   * The descriptions of the used tags from documents and upstream files, in the order of the documents. A tag that two
   * upstreams describe gets no description.
   * @param passedThrough  notes to add to the tags of upstreams
   */
  described(
    imports: readonly { upstream: string; document: ApiDocument }[],
    passedThrough: readonly PassedThrough[],
  ): TagObject[] {
    const found = new Map<string, { upstream: string; tag: TagObject }>()
    const contested = new Set<string>()
    const note = (upstream: string, tag: TagObject): void => {
      if (!this.#used.get(upstream)?.has(tag.name)) return
      const known = found.get(tag.name)
      if (known === undefined) found.set(tag.name, { upstream, tag })
      else if (known.upstream !== upstream) contested.add(tag.name)
    }
    for (const [upstream, description] of this.#descriptions) note(upstream, { name: upstream, description })
    for (const {
      upstream,
      document: { root },
    } of imports) {
      for (const tag of Array.isArray(root.tags) ? root.tags : []) {
        if (isObject(tag) && typeof tag.name === 'string') note(upstream, tagObject(tag))
      }
      const about: unknown = root.info?.summary ?? root.info?.title
      if (typeof about === 'string') note(upstream, { name: upstream, description: about })
    }
    const described = new Map([...found].filter(([name]) => !contested.has(name)).map(([name, { tag }]) => [name, tag]))
    for (const { upstream: name, note } of passedThrough) {
      described.set(name, withNote(described.get(name) ?? { name }, note))
    }
    return [...described.values()]
  }
}

/** Adds a paragraph to a description. */
export const withNote = <Described extends { description?: string }>(
  described: Described,
  note: string | undefined,
): Described =>
  note === undefined
    ? described
    : { ...described, description: [described.description, note].filter(Boolean).join('\n\n') }

const tagObject = ({ name, description, externalDocs }: Record<string, any>): TagObject => ({
  name,
  ...(typeof description === 'string' ? { description } : {}),
  ...(isObject(externalDocs) ? { externalDocs } : {}),
})

/** A note about a pass-through. */
export interface PassedThrough {
  upstream: string
  note: string
  /** Whether the upstream has no operations besides. */
  isWhole: boolean
}

/**
 * Makes the notes about pass-throughs, one for each upstream.
 * @param routes         routes that pass everything below a prefix through
 * @param hasOperations  whether the document has operations of an upstream
 */
export function passedThroughNotes(
  routes: readonly DocumentedRoute[],
  hasOperations: (upstream: string) => boolean,
): PassedThrough[] {
  const notes = new Map<string, PassedThrough>()
  for (const route of routes) {
    const { upstream, hosts } = route.config
    if (upstream === undefined || notes.has(upstream)) continue
    const isWhole = !hasOperations(upstream)
    const where = hosts === undefined ? '' : ` on ${hosts.map((host) => `\`${host}\``).join(', ')}`
    const note = `Everything${isWhole ? '' : ' else'} below \`${passedPrefix(route)}/\`${where} is passed through to the service.`
    notes.set(upstream, { upstream, note, isWhole })
  }
  return [...notes.values()]
}
