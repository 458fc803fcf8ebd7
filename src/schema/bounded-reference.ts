import { type CodeKeywordDefinition, nil, type ValidateFunction } from 'ajv/dist/2020.js'
import { resolveRef, SchemaEnv } from 'ajv/dist/compile/index.js'
import { callRef } from 'ajv/dist/vocabularies/core/ref.js'

/**
 * Calls of a run before outcomes are cached: a base, plus one for this many bytes. A value that is checked once needs
 * fewer.
 */
const UNREMEMBERED = 1000
const BYTES_OF_OBJECT = 8
/** Most calls of a run: a base, plus this many for each byte of the value. A call takes hundreds of nanoseconds. */
const MOST_CALLS = 1_000_000
const CALLS_OF_BYTE = 10
/** Most errors kept for one schema; the error of a union comes last. */
const MOST_ERRORS = 100

/** The result of one schema for one value. */
interface Outcome {
  valid: boolean
  /** Only the last one, since the first check has already reported all. */
  errors: ValidateFunction['errors']
  evaluated: Evaluated
}

/** The properties and items that `unevaluatedProperties` and `unevaluatedItems` must skip. */
type Evaluated = ValidateFunction['evaluated']
/** The function that Ajv calls for a reference. */
type Guard = Pick<ValidateFunction, 'errors' | 'evaluated'> & ((data: unknown, context: never) => boolean)

let run = 0
let calls = 0
let mostCalls = 0
let unremembered = 0

/**
 * Starts the check of a value. Must be called before each call of a validator.
 * @param size  bytes of the value
 */
export function beginRun(size: number): void {
  run++
  calls = 0
  unremembered = UNREMEMBERED + (Number.isFinite(size) ? size / BYTES_OF_OBJECT : 0)
  mostCalls = MOST_CALLS + CALLS_OF_BYTE * size
}

/**
 * `$ref` in time linear in the value. When several branches of a union refer back to the union (a filter of `and` and
 * `or`), Ajv checks an inner value once for each branch, so the work doubles with each level: a hundred bytes could
 * block the gateway for minutes. Here a schema checks each object or list once in a run.
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
      // inlined: it has no references of its own, so it cannot lead back
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
    // PartCheck reports it as a value that is nested too deeply
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

/** Ajv adds evaluated properties to the object it gets, so each caller needs its own copy. */
const copyOf = (evaluated: Evaluated): Evaluated =>
  evaluated && { ...evaluated, ...(typeof evaluated.props === 'object' ? { props: { ...evaluated.props } } : {}) }
