import type { ErrorObject } from 'ajv'
import type { Violation } from '../errors.ts'
import { pointerToken } from './json-pointer.ts'

/** Most violations that are listed, and the longest text, so that an answer does not grow with the request. */
const MOST = 100
const LONGEST = 300
/** Most errors that are read, since the errors of a union are searched among all of them. */
const MOST_READ = 1000

/**
 * Turns Ajv's errors into violations, at most 100.
 * @param part  `params`, `query`, `headers` or `body`
 */
export function violationsOf(all: readonly ErrorObject[], part: string): Violation[] {
  const errors = all.slice(0, MOST_READ)
  const violations = new Map<string, Violation>()
  for (const error of withoutBranches(errors)) {
    const violation = {
      in: part,
      pointer: shortPointer(error.instancePath),
      expected: shorten(expectation(error, errors)),
    }
    violations.set(`${violation.pointer} ${violation.expected}`, violation)
    if (violations.size === MOST) break
  }
  return [...violations.values()]
}

/** A violation at a named value of a part: a parameter, a header, a cookie or a field. */
export const violationAt = (part: string, name: string, expected: string): Violation => ({
  in: part,
  pointer: `/${pointerToken(name)}`,
  expected,
})

/** Two lists of violations as one; null when both are. */
export const joinViolations = (one: Violation[] | null, other: Violation[] | null): Violation[] | null =>
  one === null ? other : other === null ? one : [...one, ...other]

const isChoice = ({ keyword }: ErrorObject): boolean => keyword === 'anyOf' || keyword === 'oneOf'

/**
 * The errors of a union's branches at the value itself. A branch behind a reference has another schema path; its errors
 * come right before the error of the union.
 */
function branchesOf(choice: ErrorObject, errors: readonly ErrorObject[]): ErrorObject[] {
  const { instancePath, schemaPath, parentSchema } = choice
  const branches = errors.filter(
    (error) => error !== choice && error.instancePath === instancePath && error.schemaPath.startsWith(`${schemaPath}/`),
  )
  const at = errors.indexOf(choice)
  for (let i = at - 1; i >= 0 && at - i <= MOST; i--) {
    const error = errors[i]!
    const isInside = error.instancePath === instancePath || error.instancePath.startsWith(`${instancePath}/`)
    if (!isInside || error.parentSchema === parentSchema) break
    if (error.instancePath === instancePath && !branches.includes(error)) branches.push(error)
  }
  return branches
}

function withoutBranches(all: readonly ErrorObject[]): readonly ErrorObject[] {
  // `if` only states that `then` or `else` failed, whose own errors say why
  const errors = all.some(({ keyword }) => keyword === 'if') ? all.filter(({ keyword }) => keyword !== 'if') : all
  const choices = errors.filter(isChoice).slice(0, MOST)
  if (choices.length === 0) return errors
  const branches = new Set(choices.flatMap((choice) => branchesOf(choice, errors)))
  return errors.filter((error) => !branches.has(error))
}

function expectation(error: ErrorObject, all: readonly ErrorObject[]): string {
  const { keyword, params, message } = error
  switch (keyword) {
    case 'required':
      return `a property ${JSON.stringify(params.missingProperty)}`
    case 'dependentRequired':
    case 'dependencies':
      return `a property ${JSON.stringify(params.missingProperty)} beside ${JSON.stringify(params.property)}`
    case 'additionalProperties':
      return `no property ${JSON.stringify(params.additionalProperty)}`
    case 'unevaluatedProperties':
      return `no property ${JSON.stringify(params.unevaluatedProperty)}`
    case 'propertyNames':
      return `another name than ${JSON.stringify(params.propertyName)}`
    case 'type':
      return [params.type].flat().join(' or ')
    case 'enum':
      return oneOf(params.allowedValues)
    case 'const':
      return spelled(params.allowedValue)
    case 'format':
      return `format ${params.format}`
    case 'pattern':
      return `text that matches ${params.pattern}`
    case 'minimum':
    case 'formatMinimum':
      return `at least ${params.limit}`
    case 'maximum':
    case 'formatMaximum':
      return `at most ${params.limit}`
    case 'exclusiveMinimum':
    case 'formatExclusiveMinimum':
      return `more than ${params.limit}`
    case 'exclusiveMaximum':
    case 'formatExclusiveMaximum':
      return `less than ${params.limit}`
    case 'multipleOf':
      return `a multiple of ${params.multipleOf}`
    case 'minLength':
      return `at least ${counted(params.limit, 'character')}`
    case 'maxLength':
      return `at most ${counted(params.limit, 'character')}`
    case 'minItems':
      return `at least ${counted(params.limit, 'item')}`
    case 'maxItems':
    case 'items':
    case 'unevaluatedItems':
      return `at most ${counted(params.limit ?? params.len, 'item')}`
    case 'minProperties':
      return `at least ${counted(params.limit, 'property')}`
    case 'maxProperties':
      return `at most ${counted(params.limit, 'property')}`
    case 'uniqueItems':
      return 'items that all differ'
    case 'contains':
      return params.maxContains === undefined
        ? `at least ${counted(params.minContains, 'item')} of the kind that is asked for`
        : `${params.minContains} to ${params.maxContains} items of the kind that is asked for`
    case 'anyOf':
    case 'oneOf':
      return choiceOf(error, all)
    case 'not':
      return 'something else'
    case 'false schema':
      return 'nothing'
    default:
      return message ?? keyword
  }
}

/** Describes a union: its values when it is made of constants, otherwise what each branch expected. */
function choiceOf(choice: ErrorObject, all: readonly ErrorObject[]): string {
  if (choice.keyword === 'oneOf' && choice.params.passingSchemas !== null) {
    return 'exactly one of the forms that are allowed'
  }
  const branches = branchesOf(choice, all).filter((error) => !isChoice(error))
  const values = branches.filter(({ keyword }) => keyword === 'const' || keyword === 'enum')
  const literal = new Set(values.flatMap(({ params }) => params.allowedValues ?? [params.allowedValue]))
  const others = new Set(
    branches
      .filter((error) => !values.includes(error) && !hasConstBeside(error, values))
      .map((error) => expectation(error, all)),
  )
  const words = [...(literal.size > 0 ? [oneOf([...literal])] : []), ...others]
  return words.length > 0 ? words.join(', or ') : 'one of the forms that are allowed'
}

/** Whether a type error has a `const` beside it, which already tells the expected value. */
const hasConstBeside = (error: ErrorObject, values: readonly ErrorObject[]): boolean =>
  error.keyword === 'type' &&
  values.some(({ schemaPath }) => schemaPath.replace(/\/(const|enum)$/, '/type') === error.schemaPath)

const spelled = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
const oneOf = (values: unknown[]): string =>
  values.length === 1 ? spelled(values[0]) : `one of: ${values.map(spelled).join(', ')}`
const counted = (count: number, noun: string): string =>
  count === 1 ? `1 ${noun}` : `${count} ${noun.replace(/y$/, 'ie')}s`
const shorten = (text: string): string => (text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}...`)

/** Cuts a long pointer between two tokens, so that it points at a parent of the value. */
function shortPointer(pointer: string): string {
  return pointer.length <= LONGEST ? pointer : pointer.slice(0, pointer.lastIndexOf('/', LONGEST))
}
