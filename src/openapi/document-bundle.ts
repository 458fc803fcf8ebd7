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

/** Something of a file that has been taken into the document, to be walked. */
interface Taken extends Target {
  place: Place
}

/** A `$ref` (or what a discriminator names) on its way to become a pointer into the document, or what it names. */
interface Reference {
  holder: Record<string | number, unknown>
  key: string | number
  /** Shape that the place asks for. */
  shape: Shape
  /** Of the reference's text in the document. */
  pointer: string
  /** The same in its file. */
  from: Target
  /** What a discriminator belongs to that the reference is a value of. */
  chooser?: SchemaObject
}

export interface Bundle {
  /** All in one; every reference that leads somewhere is a JSON pointer into it. */
  root: SchemaObject
  origins: DocumentOrigins
  /** What is wrong, at pointers of the root. */
  mistakes: [pointer: string, message: string][]
  /** What is left out, at pointers of the root. */
  notes: [pointer: string, message: string][]
}

/**
 * Brings a document of several files into one. What references of other files name becomes a component of the kind that
 * the place asks for, once; path items, and maps and lists that are nothing but a reference, are put where they are
 * wanted. Names of schemas (`$id`, `$anchor`) in references become pointers.
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
  /** Where components are put, as pointers. */
  readonly #homes: ReadonlySet<string>
  readonly #finder: TargetFinder
  readonly #taken: Taken[] = []
  readonly #references: Reference[] = []
  /** References that give way to what they name. */
  readonly #insertions: Reference[] = []
  /** By file and pointer there: where it stands in the document, and in what shape. */
  readonly #placed = new Map<DocumentSource, Map<string, { shape: Shape; pointer: string }>>()
  /** By place: what has been put there, one reference after the other. */
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
      // what stands in its place already comes before what needs a name, so that no name is taken that is still to come
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

  /** Finds the references of what has been taken. */
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
        return this.#leaveUndecided(reference)
      }
      // nothing is left that later steps would follow
      if (inserts) delete holder[key]
      this.mistakes.push([inserts ? `${pointer}/$ref` : pointer, `is "${written}", which ${error.message}`])
    }
  }

  /**
   * Tools that put files together forget these names. Without them no branch can be told by its value, and the union
   * decides as any other.
   */
  #leaveUndecided({ chooser, pointer }: Reference): void {
    if (chooser!.discriminator === undefined) return
    delete chooser!.discriminator
    this.notes.push([
      pointer.replace(/\/mapping\/[^/]*$/, ''),
      'a discriminator names a schema that is not there, so that it is ignored and any branch of the union may fit',
    ])
  }

  /** Puts what a reference names in the place of the reference. */
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

  /** Pointer in the document of something that a file holds; it is taken in when it is not there yet. */
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
   * Whether a part of the document itself is where the grammar expects one of its kind, so that it is checked there.
   * One that stands elsewhere, such as in an extension, is taken in like one of another file. A component of another
   * kind is told of later.
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

/** Names of schemas have neither of these; an address does. */
const isAddress = (value: unknown): value is string => typeof value === 'string' && /[/#]|\.(json|ya?ml)$/.test(value)
