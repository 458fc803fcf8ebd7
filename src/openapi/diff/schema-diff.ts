import type { SchemaObject } from '../../schema/json-schema.ts'
import { BOUNDS, boundChange, OPAQUE, WHY } from './schema-rules.ts'
import { schemaViews, type SchemaNode, type SchemaView, TooIntricate } from './schema-view.ts'

export type Direction = 'request' | 'response'

/** A difference between two schemas that breaks clients, or may. */
export interface SchemaChange {
  /** Name of the kind of change. */
  rule: string
  /** Whether it is known to break clients, or only may. */
  breaks: boolean
  /** Where in the value, such as `.items[].name`. */
  path: string
  message: string
  /** JSON pointers of the schemas before and after. */
  before: string
  after: string
}

/** Comparisons of alternatives that one pair of documents may take. */
const MOST_STEPS = 2_000_000
const MOST_DEPTH = 200

/**
 * Compares schemas of two documents. Of requests, what was allowed before must stay allowed; of responses, what comes
 * now must have been allowed before. Both are one question, asked the other way round: what does the tight schema
 * forbid that the loose one allows?
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

  /** @throws TooIntricate */
  changes(before: SchemaNode, after: SchemaNode, direction: Direction): SchemaChange[] {
    return direction === 'request'
      ? this.#compare(before, after, direction, 0)
      : this.#compare(after, before, direction, 0)
  }

  /** Whether values of a schema after the change may be lists or objects. */
  isComposed(after: SchemaNode): boolean {
    return this.#viewsOf(after, this.#after).some(({ type }) => type === null || type === 'array' || type === 'object')
  }

  #compare(loose: SchemaNode, tight: SchemaNode, direction: Direction, depth: number): SchemaChange[] {
    const key = `${direction} ${this.#key(loose)} ${this.#key(tight)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (depth > MOST_DEPTH) throw new TooIntricate(loose[0]?.pointer ?? '')
    // a schema that comes again within itself adds nothing to what it is compared for
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
    if (this.#steps > MOST_STEPS) throw new TooIntricate(loose[0]?.pointer ?? '')
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

  /** What is said of a way that the tight schema does not have. */
  #lost(view: SchemaView, from: readonly SchemaView[], to: readonly SchemaView[], direction: Direction): SchemaChange {
    const isRequest = direction === 'request'
    const types = (views: readonly SchemaView[]): string =>
      [...new Set(views.map(({ type }) => type ?? 'any'))].join(' or ') || 'nothing'
    const message =
      view.type === 'null'
        ? isRequest
          ? 'null is no longer allowed'
          : 'null may come'
        : types(from) !== types(to)
          ? isRequest
            ? `the type is ${types(to)}, was ${types(from)}`
            : `the type is ${types(from)}, was ${types(to)}`
          : isRequest
            ? `the alternative ${view.name} is no longer allowed`
            : `the alternative ${view.name} may come`
    return this.#change('type', message, direction, view, to[0] ?? view)
  }

  /** Null when the types have nothing to do with each other. */
  #view(loose: SchemaView, tight: SchemaView, direction: Direction, depth: number): SchemaChange[] | null {
    const { type } = loose
    if (tight.type !== null && tight.type !== type && !(type === 'integer' && tight.type === 'number')) return null
    const changes: SchemaChange[] = []
    for (const { keyword, types, isTighter } of BOUNDS) {
      if (types !== undefined && type !== null && !types.includes(type)) continue
      if (isTighter(loose.keywords[keyword], tight.keywords[keyword])) {
        changes.push(
          this.#change(
            keyword,
            boundChange(keyword, loose.keywords, tight.keywords, direction),
            direction,
            loose,
            tight,
          ),
        )
      }
    }
    for (const keyword of OPAQUE) {
      if (String(loose.keywords[keyword]) !== String(tight.keywords[keyword])) {
        changes.push(this.#change(keyword, `${keyword} is another`, direction, loose, tight, false))
      }
    }
    if (type === 'object' || type === null) changes.push(...this.#object(loose, tight, direction, depth))
    if (type === 'array' || type === null) changes.push(...this.#array(loose, tight, direction, depth))
    return changes
  }

  #object(loose: SchemaView, tight: SchemaView, direction: Direction, depth: number): SchemaChange[] {
    const isRequest = direction === 'request'
    const changes: SchemaChange[] = []
    const within = (path: string, one: SchemaNode, other: SchemaNode): void => {
      changes.push(
        ...this.#compare(one, other, direction, depth + 1).map((change) => ({ ...change, path: path + change.path })),
      )
    }
    // what only the other direction carries
    const passes = (node: SchemaNode | undefined, root: SchemaObject): boolean =>
      node !== undefined &&
      this.#viewsOf(node, root).some(({ keywords }) => keywords[isRequest ? 'readOnly' : 'writeOnly'] === true)
    const [looseRoot, tightRoot] = isRequest ? [this.#before, this.#after] : [this.#after, this.#before]
    for (const [name, node] of loose.properties) {
      if (passes(node, looseRoot)) continue
      const other = tight.properties.get(name)
      if (other !== undefined) within(`.${name}`, node, other)
      else if (isRequest && tight.closed) {
        changes.push(
          this.#change(
            'property-refused',
            `the property ${JSON.stringify(name)} is no longer allowed`,
            direction,
            loose,
            tight,
          ),
        )
      } else if (isRequest && tight.additional !== null) within(`.${name}`, node, tight.additional)
      else if (isRequest) {
        changes.push(
          this.#change(
            'property-removed',
            `the property ${JSON.stringify(name)} is no longer described`,
            direction,
            loose,
            tight,
            false,
            'it may have no effect any more',
          ),
        )
      }
    }
    for (const [name, node] of tight.properties) {
      if (isRequest || loose.properties.has(name) || passes(node, tightRoot)) continue
      changes.push(
        this.#change(
          'property-removed',
          `the property ${JSON.stringify(name)} is removed`,
          direction,
          loose,
          tight,
          true,
          'clients that read it find nothing',
        ),
      )
    }
    for (const name of tight.required) {
      if (loose.required.has(name) || passes(tight.properties.get(name), tightRoot)) continue
      if (isRequest) {
        changes.push(
          this.#change(
            'property-required',
            `the property ${JSON.stringify(name)} is required`,
            direction,
            loose,
            tight,
            true,
            'requests without it are refused',
          ),
        )
      } else if (loose.properties.has(name) || !tight.properties.has(name)) {
        changes.push(
          this.#change(
            'property-optional',
            `the property ${JSON.stringify(name)} may be missing`,
            direction,
            loose,
            tight,
            true,
            'clients that rely on it find nothing',
          ),
        )
      }
    }
    if (isRequest && tight.closed && !loose.closed) {
      changes.push(this.#change('closed', 'further properties are no longer allowed', direction, loose, tight))
    } else if (tight.additional !== null && loose.additional !== null) within('.*', loose.additional, tight.additional)
    else if (tight.additional !== null && !loose.closed) within('.*', [], tight.additional)
    for (const [pattern, node] of loose.patterns) {
      if (tight.patterns.has(pattern)) within(`.${pattern}`, node, tight.patterns.get(pattern)!)
    }
    for (const pattern of tight.patterns.keys()) {
      if (!loose.patterns.has(pattern)) {
        changes.push(
          this.#change(
            'patternProperties',
            `patternProperties ${JSON.stringify(pattern)} is in one of both only`,
            direction,
            loose,
            tight,
            false,
          ),
        )
      }
    }
    return changes
  }

  #array(loose: SchemaView, tight: SchemaView, direction: Direction, depth: number): SchemaChange[] {
    const changes: SchemaChange[] = []
    const within = (path: string, one: SchemaNode | null, other: SchemaNode | null): void => {
      if (other !== null) {
        changes.push(
          ...this.#compare(one ?? [], other, direction, depth + 1).map((change) => ({
            ...change,
            path: path + change.path,
          })),
        )
      }
    }
    const places = Math.max(loose.prefix.length, tight.prefix.length)
    for (let i = 0; i < places; i++) within(`[${i}]`, loose.prefix[i] ?? loose.items, tight.prefix[i] ?? tight.items)
    within('[]', loose.items, tight.items)
    return changes
  }

  #change(
    rule: string,
    message: string,
    direction: Direction,
    loose: SchemaView,
    tight: SchemaView,
    breaks = true,
    why: string = WHY[direction],
  ): SchemaChange {
    const [before, after] = direction === 'request' ? [loose.pointer, tight.pointer] : [tight.pointer, loose.pointer]
    return {
      rule,
      breaks,
      path: '',
      message: breaks
        ? `${message}: ${why}`
        : `${message}: ${why === WHY[direction] ? 'whether clients break cannot be told' : why}`,
      before,
      after,
    }
  }

  #viewsOf(node: SchemaNode, root: SchemaObject): SchemaView[] {
    const key = `${root === this.#before ? 'b' : 'a'} ${this.#key(node)}`
    let views = this.#views.get(key)
    if (views === undefined) this.#views.set(key, (views = schemaViews(root, node)))
    return views
  }

  /** The same for the same schemas. */
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
