import type { SchemaObject } from '../../schema/json-schema.ts'
import { BOUNDS, boundChange, OPAQUE, WHY } from './schema-rules.ts'
import { schemaViews, type SchemaNode, type SchemaView, TooComplex } from './schema-view.ts'

export type Direction = 'request' | 'response'

/** A difference between two schemas that breaks clients, or may break them. */
export interface SchemaChange {
  /** Name of the kind of change. */
  rule: string
  /** Whether it certainly breaks clients; false when it only may. */
  breaks: boolean
  /** Where in the value, such as `.items[].name`. */
  path: string
  message: string
  /** JSON pointers of the schemas before and after. */
  before: string
  after: string
}

/** Most comparisons of alternatives for one pair of documents. */
const MOST_STEPS = 2_000_000
const MOST_DEPTH = 200

/**
 * Compares schemas of two documents. A request that was allowed must stay allowed; a response that is allowed now must
 * have been allowed before. Both are the same question with the roles swapped: what does the tight schema forbid that
 * the loose one allows? For requests the old schema is the loose one, for responses the new one.
 */
export class SchemaDiff {
  readonly #before: SchemaObject
  readonly #after: SchemaObject
  readonly #known = new Map<string, SchemaChange[]>()
  readonly #views = new Map<string, SchemaView[]>()
  readonly #ids = new WeakMap<object, number>()
  #lastId = 0
  #steps = 0

  constructor(before: SchemaObject, after: SchemaObject) {
    this.#before = before
    this.#after = after
  }

  /** @throws TooComplex */
  changes(before: SchemaNode, after: SchemaNode, direction: Direction): SchemaChange[] {
    return direction === 'request'
      ? this.#compare(before, after, direction, 0)
      : this.#compare(after, before, direction, 0)
  }

  /** Whether values of a schema of the new document may be lists or objects. */
  isComposed(after: SchemaNode): boolean {
    return this.#viewsOf(after, this.#after).some(({ type }) => type === null || type === 'array' || type === 'object')
  }

  #compare(loose: SchemaNode, tight: SchemaNode, direction: Direction, depth: number): SchemaChange[] {
    const key = `${direction} ${this.#key(loose)} ${this.#key(tight)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (depth > MOST_DEPTH) throw new TooComplex(loose[0]?.pointer ?? '')
    // a recursive schema adds no change of its own
    this.#known.set(key, [])
    const changes = this.#alternatives(loose, tight, direction, depth)
    this.#known.set(key, changes)
    return changes
  }

  #alternatives(loose: SchemaNode, tight: SchemaNode, direction: Direction, depth: number): SchemaChange[] {
    const looseIsOld = direction === 'request'
    const from = this.#viewsOf(loose, looseIsOld ? this.#before : this.#after)
    const to = this.#viewsOf(tight, looseIsOld ? this.#after : this.#before)
    this.#steps += from.length * to.length
    if (this.#steps > MOST_STEPS) throw new TooComplex(loose[0]?.pointer ?? '')
    const changes: SchemaChange[] = []
    const valued = (views: readonly SchemaView[]): number => views.filter(({ type }) => type !== 'null').length
    from.forEach((view, i) => {
      let nearest: SchemaChange[] | undefined
      for (const [j, other] of to.entries()) {
        const found = this.#view(view, other, direction, depth)
        if (found === null) continue
        if (found.length === 0) return
        const isCounterpart =
          other.name === view.name || (from.length === to.length && i === j) || (valued(from) === 1 && valued(to) === 1)
        if (isCounterpart && (nearest === undefined || found.length < nearest.length)) nearest = found
      }
      changes.push(...(nearest ?? [this.#lost(view, from, to, direction)]))
    })
    return changes
  }

  /** The change for a view that no view of the tight schema accepts. */
  #lost(view: SchemaView, from: readonly SchemaView[], to: readonly SchemaView[], direction: Direction): SchemaChange {
    const isRequest = direction === 'request'
    const types = (views: readonly SchemaView[]): string =>
      [...new Set(views.map(({ type }) => type ?? 'any'))].join(' or ') || 'nothing'
    const [now, was] = isRequest ? [types(to), types(from)] : [types(from), types(to)]
    const what = view.type === 'null' ? 'null' : now === was ? `the alternative ${view.name}` : undefined
    const message =
      what === undefined
        ? `the type is ${now}, was ${was}`
        : `${what} ${isRequest ? 'is no longer allowed' : 'may come'}`
    return change({ direction, loose: view, tight: to[0] ?? view }, 'type', message)
  }

  /** What a tight view forbids of a loose one; null when their types have nothing in common. */
  #view(loose: SchemaView, tight: SchemaView, direction: Direction, depth: number): SchemaChange[] | null {
    const { type } = loose
    if (tight.type !== null && tight.type !== type && !(type === 'integer' && tight.type === 'number')) return null
    const pair: Pair = { direction, loose, tight }
    const changes: SchemaChange[] = []
    for (const { keyword, types, isTighter } of BOUNDS) {
      if (types !== undefined && type !== null && !types.includes(type)) continue
      if (isTighter(loose.keywords[keyword], tight.keywords[keyword])) {
        changes.push(change(pair, keyword, boundChange(keyword, loose.keywords, tight.keywords, direction)))
      }
    }
    for (const keyword of OPAQUE) {
      if (String(loose.keywords[keyword]) !== String(tight.keywords[keyword])) {
        changes.push(change(pair, keyword, `${keyword} has changed`, UNSURE))
      }
    }
    if (type === 'object' || type === null) changes.push(...this.#object(pair, depth))
    if (type === 'array' || type === null) changes.push(...this.#array(pair, depth))
    return changes
  }

  #object(pair: Pair, depth: number): SchemaChange[] {
    const { direction, loose, tight } = pair
    const isRequest = direction === 'request'
    const changes: SchemaChange[] = []
    const say = (rule: string, message: string, why?: string | Unsure): void => {
      changes.push(change(pair, rule, message, why))
    }
    const within = (path: string, one: SchemaNode, other: SchemaNode): void => {
      changes.push(...this.#within(path, one, other, direction, depth))
    }
    // a property that only the other direction carries
    const isOtherWay = (node: SchemaNode | undefined, root: SchemaObject): boolean =>
      node !== undefined &&
      this.#viewsOf(node, root).some(({ keywords }) => keywords[isRequest ? 'readOnly' : 'writeOnly'] === true)
    const [looseRoot, tightRoot] = isRequest ? [this.#before, this.#after] : [this.#after, this.#before]
    for (const [name, node] of loose.properties) {
      if (isOtherWay(node, looseRoot)) continue
      const property = `the property ${JSON.stringify(name)}`
      const other = tight.properties.get(name)
      if (other !== undefined) within(`.${name}`, node, other)
      else if (!isRequest) continue
      else if (tight.closed) say('property-refused', `${property} is no longer allowed`)
      else if (tight.additional !== null) within(`.${name}`, node, tight.additional)
      else say('property-removed', `${property} is no longer described`, { unsure: 'it may have no effect any more' })
    }
    for (const [name, node] of tight.properties) {
      if (isRequest || loose.properties.has(name) || isOtherWay(node, tightRoot)) continue
      const property = `the property ${JSON.stringify(name)}`
      say('property-removed', `${property} is removed`, 'clients that read it find nothing')
    }
    for (const name of tight.required) {
      if (loose.required.has(name) || isOtherWay(tight.properties.get(name), tightRoot)) continue
      const property = `the property ${JSON.stringify(name)}`
      if (isRequest) say('property-required', `${property} is required`, 'requests without it are refused')
      else if (loose.properties.has(name) || !tight.properties.has(name)) {
        say('property-optional', `${property} may be missing`, 'clients that rely on it find nothing')
      }
    }
    if (isRequest && tight.closed && !loose.closed) say('closed', 'further properties are no longer allowed')
    else if (tight.additional !== null && loose.additional !== null) within('.*', loose.additional, tight.additional)
    else if (tight.additional !== null && !loose.closed) within('.*', [], tight.additional)
    for (const [pattern, node] of loose.patterns) {
      if (tight.patterns.has(pattern)) within(`.${pattern}`, node, tight.patterns.get(pattern)!)
    }
    for (const pattern of tight.patterns.keys()) {
      if (loose.patterns.has(pattern)) continue
      say('patternProperties', `patternProperties ${JSON.stringify(pattern)} is in only one of the two schemas`, UNSURE)
    }
    return changes
  }

  #array({ direction, loose, tight }: Pair, depth: number): SchemaChange[] {
    const within = (path: string, one: SchemaNode | null | undefined, other: SchemaNode | null): SchemaChange[] =>
      other === null ? [] : this.#within(path, one ?? [], other, direction, depth)
    const places = Math.max(loose.prefix.length, tight.prefix.length)
    return [
      ...Array.from({ length: places }, (_, i) =>
        within(`[${i}]`, loose.prefix[i] ?? loose.items, tight.prefix[i] ?? tight.items),
      ).flat(),
      ...within('[]', loose.items, tight.items),
    ]
  }

  /** Compares two parts of a value. @param path  of the part in the value */
  #within(path: string, one: SchemaNode, other: SchemaNode, direction: Direction, depth: number): SchemaChange[] {
    return this.#compare(one, other, direction, depth + 1).map((found) => ({ ...found, path: path + found.path }))
  }

  #viewsOf(node: SchemaNode, root: SchemaObject): SchemaView[] {
    const key = `${root === this.#before ? 'b' : 'a'} ${this.#key(node)}`
    let views = this.#views.get(key)
    if (views === undefined) this.#views.set(key, (views = schemaViews(root, node)))
    return views
  }

  /** A key that is equal for equal lists of schemas. */
  #key(node: SchemaNode): string {
    return node
      .map(({ schema }) => {
        if (typeof schema === 'boolean') return String(schema)
        let id = this.#ids.get(schema)
        if (id === undefined) this.#ids.set(schema, (id = ++this.#lastId))
        return id
      })
      .join('+')
  }
}

/** Two views that are compared. */
interface Pair {
  direction: Direction
  loose: SchemaView
  tight: SchemaView
}

/** Why a change may break clients, where only a person can tell whether it does. */
interface Unsure {
  unsure: string
}
const UNSURE: Unsure = { unsure: 'whether clients break cannot be told' }

/** @param why  what breaks for clients */
function change(
  { direction, loose, tight }: Pair,
  rule: string,
  what: string,
  why: string | Unsure = WHY[direction],
): SchemaChange {
  const [before, after] = direction === 'request' ? [loose.pointer, tight.pointer] : [tight.pointer, loose.pointer]
  const breaks = typeof why === 'string'
  return { rule, breaks, path: '', message: `${what}: ${breaks ? why : why.unsure}`, before, after }
}
