import { atPointer, parentPointer, pointerToken } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { BootProblems } from '../errors.ts'
import { boundedCopy, valueBudget } from './document-bounds.ts'
import type { Grammar, Shape } from './document-grammar.ts'
import { DocumentOrigins, type DocumentSource } from './document-origins.ts'
import { type DocumentSources, SourceRefused } from './document-sources.ts'
import { type Place, shapeAt, walkDocument, wholeDocument } from './document-walk.ts'
import { pointerReference } from '../schema/local-reference.ts'
import { TargetFinder, type Target } from './reference-target.ts'

/** A part of a file that was put into the document, and is still to be searched for references. */
interface Taken extends Target {
  place: Place
}

/** A `$ref` or an entry of a discriminator's mapping, before it is resolved. */
interface Reference {
  holder: Record<string | number, unknown>
  key: string | number
  /** Shape that the place requires. */
  shape: Shape
  /** Where the text of the reference stands in the document. */
  pointer: string
  /** Where it stands in its file. */
  from: Target
  /** The schema with the discriminator, when the reference is an entry of its mapping. */
  chooser?: SchemaObject
}

export interface Bundle {
  /** The whole document; every valid reference is a JSON pointer into it. */
  root: SchemaObject
  origins: DocumentOrigins
  /** Mistakes, by pointers into the root. */
  mistakes: [pointer: string, message: string][]
  /** Notes about ignored parts, by pointers into the root. */
  notes: [pointer: string, message: string][]
}

/**
 * Bundles a document of several files into one. A part of another file becomes a component, once. Path items, and maps
 * and lists that are only a `$ref`, are copied into the place of the reference. References by `$id` or `$anchor` become
 * pointers.
 * @throws BootProblems when a file cannot be parsed, or all together are too large
 */
export async function bundleDocument(
  source: DocumentSource,
  grammar: Grammar,
  sources: DocumentSources,
): Promise<Bundle> {
  const bundler = new Bundler(source, grammar, sources)
  await bundler.run()
  return bundler
}

class Bundler implements Bundle {
  readonly root: SchemaObject
  readonly origins = new DocumentOrigins()
  readonly mistakes: [string, string][] = []
  readonly notes: [string, string][] = []
  readonly #source: DocumentSource
  readonly #grammar: Grammar
  /** Pointers of the sections for components. */
  readonly #homes: ReadonlySet<string>
  readonly #finder: TargetFinder
  readonly #taken: Taken[] = []
  readonly #references: Reference[] = []
  /** References that are replaced by what they name. */
  readonly #insertions: Reference[] = []
  /** By file, then by pointer in it: where the part stands in the document, and its shape. */
  readonly #placed = new Map<DocumentSource, Map<string, { shape: Shape; pointer: string }>>()
  /** By place: the references that were replaced there one after another, to detect circles. */
  readonly #chains = new Map<string, Set<string>>()
  readonly #budget = valueBudget()

  constructor(source: DocumentSource, grammar: Grammar, sources: DocumentSources) {
    this.#source = source
    this.#grammar = grammar
    this.#homes = new Set(Object.values(grammar).flatMap(({ home }) => (home ? [`/${home.join('/')}`] : [])))
    this.#finder = new TargetFinder(sources)
    this.root = source.value as SchemaObject
    this.#take({ place: wholeDocument(this.root), source, pointer: '' })
  }

  async run(): Promise<void> {
    for (let reference = 0; ;) {
      for (let taken = this.#taken.pop(); taken; taken = this.#taken.pop()) this.#collect(taken)
      // copies come before components, so that a new component takes no name that a copied section brings along
      const insertion = this.#insertions.shift()
      if (insertion) await this.#resolve(insertion, true)
      else if (reference < this.#references.length) await this.#resolve(this.#references[reference++]!, false)
      else return
    }
  }

  #take(taken: Taken): void {
    this.origins.add(taken.place.pointer, taken.source, taken.pointer)
    this.#taken.push(taken)
  }

  /** Collects the references of a part. */
  #collect({ place: top, source, pointer: topPointer }: Taken): void {
    const reference = (
      holder: Reference['holder'],
      key: string | number,
      shape: Shape,
      pointer: string,
    ): Reference => ({
      holder,
      key,
      shape,
      pointer,
      from: { source, pointer: topPointer + pointer.slice(top.pointer.length) },
    })
    walkDocument(this.#grammar, top, {
      part: ({ value, kind, holder, key, pointer }) => {
        if (kind === 'Discriminator' && isObject(value.mapping)) {
          for (const [name, named] of Object.entries(value.mapping)) {
            if (isAddress(named)) {
              this.#references.push({
                ...reference(value.mapping, name, 'Schema', `${pointer}/mapping/${pointerToken(name)}`),
                chooser: holder as SchemaObject,
              })
            }
          }
        }
        if (typeof value.$ref !== 'string' || !holder) return
        const lone = Object.keys(value).length === 1
        const isComponent = lone && !value.$ref.startsWith('#') && this.#homes.has(parentPointer(pointer))
        const hasHome = this.#grammar[kind]!.home !== undefined
        if (kind === 'Path' || isComponent || (lone && !hasHome)) {
          this.#insertions.push(reference(holder, key, kind, pointer))
        } else if (hasHome) this.#references.push(reference(value, '$ref', kind, `${pointer}/$ref`))
      },
      group: ({ value, holder, key, shape, pointer }) => {
        if (!holder || !isObject(value) || typeof value.$ref !== 'string' || Object.keys(value).length > 1) return
        this.#insertions.push(reference(holder, key, shape, pointer))
        return false
      },
    })
  }

  async #resolve(reference: Reference, inserts: boolean): Promise<void> {
    const { holder, key, shape, from, pointer } = reference
    const written = String(inserts ? (holder[key] as SchemaObject).$ref : holder[key])
    try {
      const target = await this.#finder.find(written, from)
      if (inserts) this.#insert(reference, target)
      else holder[key] = pointerReference(this.#pointerOf(target, shape))
    } catch (error) {
      if (!(error instanceof SourceRefused)) throw error
      if (reference.chooser && (!written.startsWith('#') || !(reference.chooser.oneOf ?? reference.chooser.anyOf))) {
        return this.#dropDiscriminator(reference)
      }
      // removed, so that later steps do not follow it
      if (inserts) delete holder[key]
      this.mistakes.push([inserts ? `${pointer}/$ref` : pointer, `is "${written}", which ${error.message}`])
    }
  }

  /**
   * Drops a discriminator whose schema is missing; bundling tools often lose it. The union is then checked like any
   * other.
   */
  #dropDiscriminator({ chooser, pointer }: Reference): void {
    if (chooser!.discriminator === undefined) return
    delete chooser!.discriminator
    this.notes.push([
      pointer.replace(/\/mapping\/[^/]*$/, ''),
      'a discriminator names a schema that does not exist: it is ignored, and any branch of the union may match',
    ])
  }

  /** Replaces a reference by a copy of what it names. */
  #insert({ holder, key, shape, pointer: place }: Reference, named: Target): void {
    const { source, pointer } = named.source === this.#source ? this.origins.of(named.pointer) : named
    const link = `${source.id}#${pointer}`
    const chain = this.#chains.get(place) ?? new Set()
    if (chain.has(link) || this.origins.isWithin(place, source, pointer)) {
      throw new SourceRefused('leads back to itself')
    }
    this.#chains.set(place, chain.add(link))
    const { $ref, ...beside } = holder[key] as SchemaObject
    const value = this.#copy(atPointer(source.value, pointer))
    // fields of a Path Item beside its reference belong to it too
    holder[key] = isObject(value) ? { ...value, ...beside } : value
    this.#put(source, pointer, { shape, value: holder[key], pointer: place, holder, key })
  }

  /** The pointer in the document of a part of a file. The part is added as a component if it is not there yet. */
  #pointerOf({ source, pointer }: Target, kind: string): string {
    if (source === this.#source && this.#isKnown(pointer, kind)) return pointer
    const placed = this.#placed.get(source) ?? new Map<string, { shape: Shape; pointer: string }>()
    for (let start = pointer; ; start = parentPointer(start)) {
      const found = placed.get(start)
      if (found && (start !== pointer || found.shape === kind)) return found.pointer + pointer.slice(start.length)
      if (start === '') break
    }
    const steps = this.#grammar[kind]!.home!
    let home = this.root
    for (const step of steps) {
      if (!isObject((home[step] ??= {}))) {
        throw new SourceRefused(`has no place to go: ${steps.join('.')} of ${this.#source.name} is no object`)
      }
      home = home[step]
    }
    const wanted = (
      pointer === '' ? source.name.replace(/^.*\/|\.\w+$/g, '') : pointer.slice(pointer.lastIndexOf('/') + 1)
    ).replace(/[^\w.-]+/g, '-')
    let name = wanted
    for (let next = 2; Object.hasOwn(home, name); next++) name = `${wanted}-${next}`
    home[name] = this.#copy(atPointer(source.value, pointer))
    const place = `/${steps.join('/')}/${name}`
    this.#put(source, pointer, { shape: kind, value: home[name], pointer: place, holder: home, key: name })
    return place
  }

  /**
   * Whether a part of the root file stands where the grammar expects its kind. A part elsewhere, such as in an
   * extension, is added like one of another file. A component of the wrong kind is reported later.
   */
  #isKnown(pointer: string, kind: string): boolean {
    return this.#homes.has(parentPointer(pointer)) || shapeAt(this.#grammar, this.#source.value, pointer) === kind
  }

  #put(source: DocumentSource, pointer: string, place: Place): void {
    const placed = this.#placed.get(source) ?? new Map()
    this.#placed.set(source, placed)
    if (!placed.has(pointer)) placed.set(pointer, { shape: place.shape, pointer: place.pointer })
    this.#take({ place, source, pointer })
  }

  #copy(value: unknown): unknown {
    return boundedCopy(
      value,
      (message) => new BootProblems([{ file: this.#source.name, field: '', message }]),
      this.#budget,
    )
  }
}

/** Whether an entry of a mapping is a reference, rather than the name of a schema. */
const isAddress = (value: unknown): value is string => typeof value === 'string' && /[/#]|\.(json|ya?ml)$/.test(value)
