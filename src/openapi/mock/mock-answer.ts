import { pointerToken } from '../../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../../schema/json-schema.ts'
import type { ApiDocument, ApiOperation, ApiResponse } from '../../schema/types.ts'
import { followReference } from '../../schema/local-reference.ts'
import { plainMediaType } from '../../validation/media-type.ts'
import { responseFor } from '../operation-reader.ts'
import { mockBody, pointedSchema, statedExamples, mockHeaders } from './mock-body.ts'

export { prepareExamples } from './value-example.ts'

/** The headers of a request that a mock reads. */
export interface MockRequest {
  accept?: string
  prefer?: string
}

export interface MockAnswer {
  status: number
  /** Header names as written in the document. */
  headers: Record<string, string>
  /** Null for none. */
  body: string | null
}

/** Answers are cached by what a client can choose: status, media type and example. */
const answers = new WeakMap<ApiOperation, Map<string, MockAnswer>>()

/**
 * Makes the answer of a mocked service from the examples and schemas of its document.
 * @returns only `offered`, the media types of the response, when the client accepts none of them
 */
export function mockAnswer(
  document: ApiDocument,
  operation: ApiOperation,
  { accept, prefer }: MockRequest,
): MockAnswer | { offered: string[] } {
  const preference = mockPreference(prefer)
  const { response, status } = chosenResponse(operation.responses, preference.code)
  if (response === undefined || status === 204 || status === 205 || status === 304 || response.content.length === 0) {
    return made(operation, `${status}`, () => ({
      status,
      headers: headersOf(document, operation, response, applied(status === preference.code && { code: status })),
      body: null,
    }))
  }
  const offered = response.content.map(({ type }) => type)
  // an error is sent in any media type rather than as a 406
  const choice = chooseMedia(offered, accept) ?? (status >= 400 ? chooseMedia(offered, undefined) : null)
  if (choice === null) return { offered }
  const media = mediaObject(document.root, operation, response, choice)
  const examples = statedExamples(document.root, media)
  const named = preference.example !== undefined && examples.has(preference.example) ? preference.example : undefined
  const name = named ?? examples.keys().next().value
  return made(operation, JSON.stringify([status, choice.type, name, status === preference.code, named]), () => {
    const schema = pointedSchema(
      document.root,
      response.content.find(({ type }) => type === choice.offered)!.schemaPointer,
    )
    const body = mockBody(document.root, choice.type, name === undefined ? undefined : examples.get(name), schema)
    const headers = headersOf(
      document,
      operation,
      response,
      applied(status === preference.code && { code: status }, named !== undefined && { example: named }),
    )
    if (body !== null) {
      headers['content-type'] = /^text\//.test(choice.type) ? `${choice.type}; charset=utf-8` : choice.type
    }
    return { status, headers, body }
  })
}

function made(operation: ApiOperation, key: string, make: () => MockAnswer): MockAnswer {
  let known = answers.get(operation)
  if (known === undefined) answers.set(operation, (known = new Map()))
  let answer = known.get(key)
  if (answer === undefined) {
    // clients may choose many values of a range of statuses or media types
    if (known.size >= 100) known.clear()
    known.set(key, (answer = make()))
  }
  return answer
}

/** The requested response, else the first success, else `default`, else the first other one. */
function chosenResponse(
  responses: readonly ApiResponse[],
  code: number | undefined,
): { response?: ApiResponse; status: number } {
  const find = (status: string): ApiResponse | undefined => responses.find((response) => response.status === status)
  const wanted = code === undefined ? undefined : responseFor(responses, String(code))
  if (wanted !== undefined) return { response: wanted, status: code! }
  const response =
    responses.find(({ status }) => status.startsWith('2')) ??
    find('default') ??
    responses.find(({ status }) => !status.startsWith('1'))
  if (response === undefined) return { status: 204 }
  const status = response.status === 'default' ? 200 : Number(response.status.replace('XX', '00'))
  return { response, status }
}

/** States which preferences were applied (RFC 7240, section 3). */
function applied(...preferences: (MockPreference | false)[]): Record<string, string> {
  const stated = preferences.flatMap((preference) =>
    preference === false
      ? []
      : Object.entries(preference).map(
          ([name, value]) => `${name}=${/^[\w-]+$/.test(String(value)) ? value : JSON.stringify(value)}`,
        ),
  )
  const value = stated.join(', ')
  return stated.length === 0 || !/^[\x20-\x7E]*$/.test(value) ? {} : { 'preference-applied': value }
}

function headersOf(
  document: ApiDocument,
  operation: ApiOperation,
  response: ApiResponse | undefined,
  more: Record<string, string>,
): Record<string, string> {
  const object = response === undefined ? undefined : responseObject(document.root, operation, response)
  return {
    ...(object === undefined || response === undefined ? {} : mockHeaders(document.root, object, response)),
    ...more,
  }
}

function responseObject(root: SchemaObject, { object, pointer }: ApiOperation, { status }: ApiResponse): SchemaObject {
  const responses = isObject(object.responses) ? object.responses : {}
  const key = Object.keys(responses).find((name) => name === status || name.toUpperCase() === status)!
  return followReference(root, responses[key], `${pointer}/responses/${pointerToken(key)}`)?.object ?? {}
}

/** The Media Type Object; of two that differ only in parameters, the one without. */
function mediaObject(
  root: SchemaObject,
  operation: ApiOperation,
  response: ApiResponse,
  { offered }: MediaChoice,
): SchemaObject {
  const { content = {} } = responseObject(root, operation, response)
  const names = Object.keys(content).filter((name) => plainMediaType(name) === offered)
  const name = names.find((one) => !one.includes(';')) ?? names[0]!
  return followReference(root, content[name], '')?.object ?? {}
}

interface Accepted {
  type: string
  /** From 0 to 1; 0 refuses. */
  quality: number
}

/** Reads an `Accept` header (RFC 9110, section 12.5.1); parameters of media types are ignored. */
function accepted(header: string): Accepted[] {
  return header
    .toLowerCase()
    .split(',')
    .slice(0, 100)
    .flatMap((part) => {
      const [type = '', ...parameters] = part.split(';').map((text) => text.trim())
      if (!/^[^\s/]+\/[^\s/]+$/.test(type)) return []
      const weight = parameters.find((parameter) => parameter.startsWith('q='))
      const quality = weight === undefined ? 1 : Number(weight.slice(2))
      return [{ type, quality: quality >= 0 && quality <= 1 ? quality : 0 }]
    })
}

const isRange = (type: string): boolean => type.endsWith('/*')
const holds = (range: string, type: string): boolean =>
  range === '*/*' || range === type || (isRange(range) && type.startsWith(range.slice(0, -1)))

/** A media type chosen for the answer. */
interface MediaChoice {
  /** As the document has it; may be a range. */
  offered: string
  /** The media type of the answer. */
  type: string
}

/**
 * Chooses the media type that the client prefers; of equal ones the first.
 * @param offered  in lower case, without parameters; may be ranges (`text/*`)
 * @param accept   header of the request; without it any type is accepted
 * @returns null when the client accepts none
 */
function chooseMedia(offered: readonly string[], accept: string | undefined): MediaChoice | null {
  const ranges = accept === undefined ? [] : accepted(accept)
  const wishes = ranges.length === 0 ? [{ type: '*/*', quality: 1 }] : ranges
  let best: MediaChoice | null = null
  let bestQuality = 0
  for (const offer of offered) {
    // for an offered range, take the concrete type that the client prefers
    const type = isRange(offer)
      ? (wishes
          .filter((wish) => wish.quality > 0 && !isRange(wish.type) && holds(offer, wish.type))
          .toSorted((one, other) => other.quality - one.quality)[0]?.type ?? concrete(offer))
      : offer
    const quality =
      wishes
        .filter((wish) => holds(wish.type, type))
        .toSorted((one, other) => precision(other.type) - precision(one.type))[0]?.quality ?? 0
    if (quality > bestQuality) {
      best = { offered: offer, type }
      bestQuality = quality
    }
  }
  return best
}

const precision = (range: string): number => (range === '*/*' ? 0 : isRange(range) ? 1 : 2)
const concrete = (range: string): string =>
  range === 'text/*'
    ? 'text/plain'
    : range === '*/*' || range === 'application/*'
      ? 'application/json'
      : 'application/octet-stream'

/** What a client asks a mock to answer with (`Prefer`, RFC 7240): `code=404, example="not found"`. */
interface MockPreference {
  code?: number
  /** Name of an example. */
  example?: string
}

const PREFERENCE =
  /[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*(?:;[^,]*)?(?:,|$)/y

/**
 * Reads a `Prefer` header. Other preferences are ignored, as the RFC says; of two with the same name the first wins.
 */
function mockPreference(header: string | undefined): MockPreference {
  const preference: MockPreference = {}
  if (header === undefined) return preference
  PREFERENCE.lastIndex = 0
  for (
    let match = PREFERENCE.exec(header);
    match !== null && PREFERENCE.lastIndex <= header.length;
    match = PREFERENCE.exec(header)
  ) {
    const [all, name, token, quoted] = match
    const value = token ?? quoted?.replaceAll(/\\(.)/g, '$1') ?? ''
    switch (name!.toLowerCase()) {
      case 'code':
        if (/^[2-5]\d\d$/.test(value)) preference.code ??= Number(value)
        break
      case 'example':
        preference.example ??= value
    }
    if (all === '') break
  }
  return preference
}
