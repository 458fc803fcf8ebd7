import { type CodeKeywordDefinition, nil, type ValidateFunction } from 'ajv/dist/2020.js'
import { resolveRef, SchemaEnv } from 'ajv/dist/compile/index.js'
import { callRef } from 'ajv/dist/vocabularies/core/ref.js'

/**
 * Calls of a run before outcomes are remembered, and bytes for which there is one more; a value that is looked at once
 * has less.
 */
const UNREMEMBERED = 1000
const BYTES_OF_OBJECT = 8
/** Calls that every run may make, and those for each byte of its value; hundreds of nanoseconds each. */
const MOST_CALLS = 1_000_000
const CALLS_OF_BYTE = 10
/** Most errors that one schema tells of; those of a union come last. */
const MOST_ERRORS = 100

/** What a schema has said of a value. */
interface Outcome {
  valid: boolean
  /** One stands for all: whoever asked first has told them. */
  errors: ValidateFunction['errors']
  evaluated: Evaluated
}

/** What `unevaluatedProperties` and `unevaluatedItems` leave alone. */
type Evaluated = ValidateFunction['evaluated']
/** What Ajv wants of a function that a reference calls. */
type Guard = Pick<ValidateFunction, 'errors' | 'evaluated'> & ((data: unknown, context: never) => boolean)

let run = 0
let calls = 0
let mostCalls = 0
let unremembered = 0

/**
 * Begins to check a value; to be called before a validator is.
 * @param size  bytes of the value
 */
export function beginRun(size: number): void {
  run++
  calls = 0
  unremembered = UNREMEMBERED + (Number.isFinite(size) ? size / BYTES_OF_OBJECT : 0)
  mostCalls = MOST_CALLS + CALLS_OF_BYTE * size
}

/**
 * `$ref` in time that grows with the value. Where several forms of a union lead back to the union, as those of a filter
 * of `and` and `or` do, Ajv looks at what lies in the value once for each of them, and so twice as often with each
 * level: a hundred bytes would hold up the whole gateway for minutes. Here a schema looks at an object or list once in
 * a run.
 */
export const BOUNDED_REFERENCE: CodeKeywordDefinition = {
  keyword: '$ref',
  schemaType: 'string',
  code(cxt) {
    const {
      gen,
      schema: reference,
      it: {
        self,
        baseId,
        schemaEnv: { root },
      },
    } = cxt
    const isRoot = (reference === '#' || reference === '#/') && baseId === root.baseId
    const found = isRoot ? root : resolveRef.call(self, root, baseId, reference)
    if (found instanceof SchemaEnv) callRef(cxt, gen.scopeValue('validate', { ref: guardOf(found) }), found)
    else if (found === undefined) throw new Error(`the reference ${reference} leads nowhere`)
    else {
      // without references of its own, so that it cannot lead back
      const valid = gen.name('valid')
      const inlined = cxt.subschema(
        {
          schema: found,
          dataTypes: [],
          schemaPath: nil,
          topSchemaRef: gen.scopeValue('schema', { ref: found }),
          errSchemaPath: reference,
        },
        valid,
      )
      cxt.mergeEvaluated(inlined)
      cxt.ok(valid)
    }
  },
}

const guards = new WeakMap<SchemaEnv, Guard>()

function guardOf(env: SchemaEnv): Guard {
  let guard = guards.get(env)
  if (!guard) guards.set(env, (guard = createGuard(env)))
  return guard
}

function createGuard(env: SchemaEnv): Guard {
  let outcomes = new WeakMap<object, Outcome>()
  let ofRun = 0
  const call = (data: unknown, context: never): boolean => {
    const validate = env.validate as ValidateFunction
    const valid = validate(data, context)
    const { errors = null } = validate
    guard.errors =
      errors !== null && errors.length > MOST_ERRORS ? [...errors.slice(0, MOST_ERRORS - 1), errors.at(-1)!] : errors
    guard.evaluated = validate.evaluated
    return valid
  }
  const guard: Guard = (data, context) => {
    // PartCheck tells of it as of values that lie too deep in each other
    if (++calls > mostCalls) throw new RangeError('too many steps')
    if (calls < unremembered || typeof data !== 'object' || data === null) return call(data, context)
    if (ofRun !== run) {
      outcomes = new WeakMap()
      ofRun = run
    }
    const known = outcomes.get(data)
    if (known === undefined) {
      const valid = call(data, context)
      outcomes.set(data, { valid, errors: guard.errors?.slice(-1) ?? null, evaluated: copyOf(guard.evaluated) })
      return valid
    }
    guard.errors = known.errors
    guard.evaluated = copyOf(known.evaluated)
    return known.valid
  }
  return guard
}

/** Whoever is told of properties adds others to them. */
const copyOf = (evaluated: Evaluated): Evaluated =>
  evaluated && { ...evaluated, ...(typeof evaluated.props === 'object' ? { props: { ...evaluated.props } } : {}) }
