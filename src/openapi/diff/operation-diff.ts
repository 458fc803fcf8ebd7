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
 * What breaks clients of one operation. The path's parameters are told by their place, since only the gateway reads
 * their names.
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

  /** @throws TooIntricate */
  changes(old: ApiOperation, now: ApiOperation): OperationChange[] {
    this.#old = old
    this.#now = now
    this.#changes = []
    this.#parameters()
    this.#body(old.body, now.body)
    for (const response of old.responses) this.#response(response)
    const security = securityChange(this.#before, old, this.#after, now)
    if (security !== null) {
      this.#say('security', 'request', 'security', `${security}: requests of clients that send the former are refused`)
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
          `${part} is written with ${form(parameter)}, was ${form(former)}: requests that write it the former way are misread`,
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

  /** Whether a value has parts, whose number is written in a style. */
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
          `${media.type} is no longer taken: requests with it are answered 415`,
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
        `${part} is removed: ${isFailure ? 'clients that wait for it may not understand what comes instead' : 'clients get something else'}`,
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

/** Parameters by what identifies them. */
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

/** The media type itself, or the range that holds it. */
function mediaFor(content: readonly ApiMedia[], type: string): ApiMedia | undefined {
  return [type, `${type.split('/')[0]}/*`, '*/*']
    .map((name) => content.find((media) => media.type === name))
    .find((media) => media !== undefined)
}

/** Credentials that suffice together: what identifies a scheme, to the scopes that it needs. */
type Alternative = ReadonlyMap<string, readonly string[]>

/** What an operation asks for, each alternative in words and by what its schemes are, not by how they are called. */
function alternatives({ root }: ApiDocument, { security }: ApiOperation): Alternative[] {
  // without a word on security, and with an empty list, everybody may call
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

/** Credentials that were enough before and are not any more, in words; null when there are none. */
function securityChange(before: ApiDocument, old: ApiOperation, after: ApiDocument, now: ApiOperation): string | null {
  const wanted = alternatives(after, now)
  const refused = alternatives(before, old).find((given) => !wanted.some((needed) => suffices(given, needed)))
  return refused === undefined
    ? null
    : `credentials that were enough are not any more (${shown(refused)}), it takes ${wanted.map(shown).join(', or ')}`
}

const suffices = (given: Alternative, needed: Alternative): boolean =>
  [...needed].every(
    ([scheme, scopes]) => given.has(scheme) && scopes.every((scope) => given.get(scheme)!.includes(scope)),
  )
