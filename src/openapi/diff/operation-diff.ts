import { atPointer } from '../../schema/json-pointer.ts'
import { isObject, type JsonSchema, type SchemaObject } from '../../schema/json-schema.ts'
import type {
  ApiBody,
  ApiDocument,
  ApiHeader,
  ApiMedia,
  ApiOperation,
  ApiParameter,
  ApiResponse,
} from '../../schema/types.ts'
import { followReference } from '../../schema/local-reference.ts'
import { responseFor } from '../operation-reader.ts'
import type { Direction, SchemaChange, SchemaDiff } from './schema-diff.ts'
import type { SchemaNode } from './schema-view.ts'

/** A change of one operation. */
export interface OperationChange extends SchemaChange {
  direction: Direction
  /** Part of the operation: `response 200 application/json`. */
  part: string
}

const node = ({ root }: ApiDocument, pointer: string | null): SchemaNode =>
  pointer === null ? [] : [{ schema: atPointer(root, pointer) as JsonSchema, pointer }]

/**
 * Finds the changes of one operation that break clients. Path parameters are compared by position, since clients do not
 * see their names.
 */
export class OperationDiff {
  readonly #before: ApiDocument
  readonly #after: ApiDocument
  readonly #schemas: SchemaDiff
  #old!: ApiOperation
  #now!: ApiOperation
  #changes: OperationChange[] = []

  constructor(before: ApiDocument, after: ApiDocument, schemas: SchemaDiff) {
    this.#before = before
    this.#after = after
    this.#schemas = schemas
  }

  /** @throws TooComplex */
  changes(old: ApiOperation, now: ApiOperation): OperationChange[] {
    this.#old = old
    this.#now = now
    this.#changes = []
    this.#parameters()
    this.#body(old.body, now.body)
    for (const response of old.responses) this.#response(response)
    const security = securityChange(this.#before, old, this.#after, now)
    if (security !== null) {
      this.#say('security', 'request', 'security', `${security}: requests with the old credentials are refused`)
    }
    return this.#changes
  }

  #say(rule: string, direction: Direction, part: string, message: string, breaks = true): void {
    this.#changes.push({
      rule,
      direction,
      part,
      message,
      breaks,
      path: '',
      before: this.#old.pointer,
      after: this.#now.pointer,
    })
  }

  #compare(direction: Direction, part: string, old: string | null, now: string | null): void {
    for (const change of this.#schemas.changes(node(this.#before, old), node(this.#after, now), direction)) {
      this.#changes.push({ ...change, direction, part })
    }
  }

  #parameters(): void {
    const old = parameterKeys(this.#old)
    const now = parameterKeys(this.#now)
    for (const [key, parameter] of now) {
      const former = old.get(key)
      const part = `${parameter.in} parameter ${JSON.stringify(parameter.name)}`
      if (former === undefined) {
        if (parameter.required) {
          this.#say(
            'parameter-required',
            'request',
            part,
            `${part} is new and required: requests without it are refused`,
          )
        }
        continue
      }
      if (parameter.required && !former.required) {
        this.#say('parameter-required', 'request', part, `${part} is required: requests without it are refused`)
      }
      const form = ({ style, explode, mediaType }: ApiParameter): string =>
        mediaType ?? `style ${style}, explode ${explode}`
      const matters =
        parameter.mediaType !== undefined ||
        former.mediaType !== undefined ||
        this.#isComposed(parameter) ||
        parameter.style !== former.style
      if (matters && form(parameter) !== form(former)) {
        this.#say(
          'parameter-form',
          'request',
          part,
          `${part} is written with ${form(parameter)}, was ${form(former)}: requests in the old form are misread`,
        )
      }
      this.#compare('request', part, former.schemaPointer, parameter.schemaPointer)
    }
    for (const [key, { in: place, name }] of old) {
      const part = `${place} parameter ${JSON.stringify(name)}`
      if (!now.has(key)) {
        this.#say('parameter-removed', 'request', part, `${part} is removed: it may have no effect any more`, false)
      }
    }
  }

  /** Whether values are lists or objects, whose parts a style joins. */
  #isComposed({ schemaPointer }: ApiParameter): boolean {
    return this.#schemas.isComposed(node(this.#after, schemaPointer))
  }

  #body(old: ApiBody | null, now: ApiBody | null): void {
    if (now === null) {
      if (old !== null) {
        this.#say('body-removed', 'request', 'body', 'the body is removed: it may have no effect any more', false)
      }
      return
    }
    if (now.required && !old?.required) {
      this.#say(
        'body-required',
        'request',
        'body',
        `the body is required${old === null ? ', there was none' : ''}: requests without it are refused`,
      )
    }
    for (const media of old?.content ?? []) {
      const same = mediaFor(now.content, media.type)
      if (same === undefined) {
        this.#say(
          'media-type-removed',
          'request',
          'body',
          `${media.type} is no longer accepted: requests with it are answered 415`,
        )
      } else this.#compare('request', `body ${media.type}`, media.schemaPointer, same.schemaPointer)
    }
  }

  #response(old: ApiResponse): void {
    const part = `response ${old.status}`
    const now = responseFor(this.#now.responses, old.status)
    if (now === undefined) {
      const isFailure = /^[45]/.test(old.status)
      this.#say(
        'response-removed',
        'response',
        part,
        `${part} is removed: ${isFailure ? 'clients that expect it may not understand the new one' : 'clients get something else'}`,
        !isFailure,
      )
      return
    }
    for (const media of old.content) {
      const same = mediaFor(now.content, media.type)
      if (same === undefined) {
        this.#say(
          'media-type-removed',
          'response',
          part,
          `${media.type} is removed from ${part}: clients that ask for it get another`,
        )
      } else this.#compare('response', `${part} ${media.type}`, media.schemaPointer, same.schemaPointer)
    }
    for (const header of old.headers) this.#header(header, now.headers, part)
  }

  #header(old: ApiHeader, headers: readonly ApiHeader[], response: string): void {
    const part = `${response} header ${old.name}`
    const now = headers.find(({ name }) => name.toLowerCase() === old.name.toLowerCase())
    if (now === undefined) {
      this.#say(
        'header-removed',
        'response',
        part,
        `header ${old.name} is removed from ${response}: clients that read it find nothing`,
        old.required,
      )
    } else {
      if (old.required && !now.required) {
        this.#say(
          'header-optional',
          'response',
          part,
          `header ${old.name} of ${response} may be missing: clients that rely on it find nothing`,
        )
      }
      this.#compare('response', part, old.schemaPointer, now.schemaPointer)
    }
  }
}

/** Parameters by place and name; path parameters by position. */
function parameterKeys({ path, parameters }: ApiOperation): Map<string, ApiParameter> {
  const places = [...path.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name)
  return new Map(
    parameters.map((parameter) => {
      const name =
        parameter.in === 'path'
          ? String(places.indexOf(parameter.name))
          : parameter.in === 'header'
            ? parameter.name.toLowerCase()
            : parameter.name
      return [`${parameter.in} ${name}`, parameter]
    }),
  )
}

/** The media type itself, or a range that contains it. */
function mediaFor(content: readonly ApiMedia[], type: string): ApiMedia | undefined {
  return [type, `${type.split('/')[0]}/*`, '*/*']
    .map((name) => content.find((media) => media.type === name))
    .find((media) => media !== undefined)
}

/** Schemes that are sufficient together, each with its scopes. */
type Alternative = ReadonlyMap<string, readonly string[]>

/** The alternatives of an operation's security. A scheme is identified by its definition, not by its name. */
function alternatives({ root }: ApiDocument, { security }: ApiOperation): Alternative[] {
  // without `security`, or with an empty list, anonymous clients may call
  if (security === null || security.length === 0) return [new Map()]
  return security.map(
    (requirement) => new Map(Object.entries(requirement).map(([name, scopes]) => [identity(root, name), scopes])),
  )
}

function identity(root: SchemaObject, name: string): string {
  const schemes: unknown = root.components?.securitySchemes
  const scheme =
    isObject(schemes) && Object.hasOwn(schemes, name) ? followReference(root, schemes[name], '')?.object : undefined
  if (scheme === undefined) return `scheme ${name}`
  const { type, scheme: kind, in: place, name: key, openIdConnectUrl } = scheme
  return [
    type,
    typeof kind === 'string' ? kind.toLowerCase() : undefined,
    place,
    place === 'header' ? String(key).toLowerCase() : key,
    openIdConnectUrl,
  ]
    .filter((part) => part !== undefined)
    .join(' ')
}

const shown = (alternative: Alternative): string =>
  alternative.size === 0
    ? 'none'
    : [...alternative]
        .map(([scheme, scopes]) => (scopes.length === 0 ? scheme : `${scheme} with ${scopes.join(', ')}`))
        .join(' and ')

/** Describes credentials that were sufficient before and are not any more; null when there are none. */
function securityChange(before: ApiDocument, old: ApiOperation, after: ApiDocument, now: ApiOperation): string | null {
  const wanted = alternatives(after, now)
  const refused = alternatives(before, old).find((given) => !wanted.some((needed) => suffices(given, needed)))
  return refused === undefined
    ? null
    : `credentials that were sufficient are not any more (${shown(refused)}), it takes ${wanted.map(shown).join(', or ')}`
}

const suffices = (given: Alternative, needed: Alternative): boolean =>
  [...needed].every(
    ([scheme, scopes]) => given.has(scheme) && scopes.every((scope) => given.get(scheme)!.includes(scope)),
  )
