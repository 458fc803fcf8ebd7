/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Random = () => number

const pick = <Item>(random: Random, items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!

const TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']
const NAMES = ['a', 'b', 'kind', 'constructor', 'toString', '$ref', '$id', 'type', 'a/b~c', '']
/** Values that a keyword may wrongly have. */
const ODD: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  1.5,
  'text',
  '(',
  '',
  [],
  [1],
  [null],
  ['a', 'a'],
  {},
  { type: 5 },
  { a: 5 },
  { a: ['x'] },
  { a: {} },
  [{}],
  [true],
  'object',
  ['string', 'strin'],
]

const schemas = (random: Random, depth: number): unknown[] =>
  Array.from({ length: 1 + Math.floor(random() * 2) }, () => right(random, depth - 1))
const named = (random: Random, depth: number): Record<string, unknown> =>
  Object.fromEntries(
    Array.from({ length: 1 + Math.floor(random() * 2) }, () => [pick(random, NAMES), right(random, depth - 1)]),
  )
const texts = (random: Random): string[] => [...new Set([pick(random, NAMES), pick(random, NAMES)])]

/** What each keyword may hold. */
const KEYWORDS: Record<string, (random: Random, depth: number) => unknown> = {
  type: (random) => (random() < 0.7 ? pick(random, TYPES) : [...new Set([pick(random, TYPES), pick(random, TYPES)])]),
  enum: () => ['a', 1, null],
  const: () => ({ a: 1 }),
  multipleOf: () => 2,
  maximum: () => 5,
  minimum: () => 1,
  exclusiveMaximum: () => 5,
  exclusiveMinimum: () => 1,
  maxLength: () => 3,
  minLength: () => 1,
  pattern: (random) => pick(random, ['^a+$', '^(a|b)*c$', '\\d{3}']),
  maxItems: () => 3,
  minItems: () => 0,
  uniqueItems: () => true,
  maxContains: () => 1,
  minContains: () => 2,
  maxProperties: () => 4,
  minProperties: () => 0,
  required: texts,
  dependentRequired: () => ({ a: ['b'] }),
  dependentSchemas: named,
  dependencies: (random) => ({ a: random() < 0.5 ? ['b'] : { type: 'object' } }),
  properties: named,
  patternProperties: (random, depth) => ({ '^x': right(random, depth - 1) }),
  additionalProperties: (random, depth) => right(random, depth - 1),
  propertyNames: (random, depth) => right(random, depth - 1),
  unevaluatedProperties: (random, depth) => right(random, depth - 1),
  unevaluatedItems: (random, depth) => right(random, depth - 1),
  items: (random, depth) => (random() < 0.8 ? right(random, depth - 1) : schemas(random, depth)),
  additionalItems: (random, depth) => right(random, depth - 1),
  prefixItems: schemas,
  contains: (random, depth) => right(random, depth - 1),
  allOf: schemas,
  anyOf: schemas,
  oneOf: schemas,
  not: (random, depth) => right(random, depth - 1),
  if: (random, depth) => right(random, depth - 1),
  then: (random, depth) => right(random, depth - 1),
  else: (random, depth) => right(random, depth - 1),
  format: (random) => pick(random, ['date-time', 'int32', 'byte', 'uuid', 'made-up']),
  nullable: (random) => random() < 0.5,
  readOnly: () => true,
  writeOnly: () => true,
  discriminator: () => ({ propertyName: 'kind' }),
  default: () => 1,
  examples: () => [1],
  deprecated: () => true,
  contentEncoding: () => 'base64',
  contentMediaType: () => 'application/json',
  contentSchema: (random, depth) => right(random, depth - 1),
  $defs: named,
  definitions: named,
  $comment: () => 'text',
  $schema: () => 'https://json-schema.org/draft/2020-12/schema',
  $id: (random) => pick(random, ['a', 'https://example.com/a', '#a', 'urn:a']),
  id: () => 'a',
  $anchor: () => 'here',
  $dynamicAnchor: () => 'there',
  $recursiveAnchor: () => true,
  $vocabulary: () => ({ 'https://example.com/v': true }),
  $ref: (random) =>
    pick(random, [
      '#',
      '#/properties/a',
      '#here',
      'a',
      '#/$defs/a',
      '#/definitions/b',
      '#/default',
      '#/examples/0',
      '#/components/schemas/S',
      '#/components/schemas/T',
      '#/components/examples/e/value',
      '#/paths',
      '#/components/schemas/S/properties/a',
    ]),
  $dynamicRef: () => '#there',
  $recursiveRef: () => '#',
  $async: () => true,
  $data: () => '1',
  instanceof: () => 'Date',
  typeof: () => 'function',
}
const ALL = Object.keys(KEYWORDS)
/** Keywords for which a document or schema is always refused, or nearly so, which are therefore rare. */
const RARE = new Set(['$dynamicRef', '$recursiveRef', '$async', '$ref', 'id', 'nullable'])

/** A schema in which each keyword holds what it may. */
function right(random: Random, depth: number): unknown {
  if (depth <= 0 || random() < 0.1) return pick<unknown>(random, [true, false, {}, { type: 'string' }])
  const schema: Record<string, unknown> = {}
  for (let i = 0; i < 1 + random() * 4; i++) {
    const keyword = pick(random, ALL)
    if (!RARE.has(keyword) || random() < 0.2) schema[keyword] = KEYWORDS[keyword]!(random, depth)
  }
  return schema
}

/** A schema of which, in half of the cases, one keyword or two hold what they may not, anywhere in it. */
export function randomSchema(random: Random): unknown {
  const schema = right(random, 3)
  for (let i = Math.floor(random() * 3); i > 0; i--) {
    const places: Record<string, unknown>[] = []
    const collect = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      if (!Array.isArray(value)) places.push(value as Record<string, unknown>)
      for (const inner of Object.values(value)) collect(inner)
    }
    collect(schema)
    if (places.length > 0) pick(random, places)[pick(random, ALL)] = structuredClone(pick(random, ODD))
  }
  return schema
}
