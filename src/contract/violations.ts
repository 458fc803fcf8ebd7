import type { ErrorObject } from 'ajv'
import type { Violation } from '../errors.ts'

/** More than these are not listed: an answer must not grow with the request. */
const MOST = 100

/** Ajv's errors in the gateway's words. */
export function violationsOf (errors: readonly ErrorObject[], part: string): Violation[] {
  const where = part === 'querystring' ? 'query' : part
  return errors.slice(0, MOST).map((error) => ({ in: where, pointer: error.instancePath, expected: expectation(error) }))
}

function expectation ({ keyword, params, message }: ErrorObject): string {
  switch (keyword) {
    case 'required': return `a property ${JSON.stringify(params.missingProperty)}`
    case 'additionalProperties': return `no property ${JSON.stringify(params.additionalProperty)}`
    case 'unevaluatedProperties': return `no property ${JSON.stringify(params.unevaluatedProperty)}`
    case 'type': return [params.type].flat().join(' or ')
    case 'enum': return `one of: ${params.allowedValues.map((value: unknown) => JSON.stringify(value)).join(', ')}`
    case 'const': return JSON.stringify(params.allowedValue)
    case 'format': return `format ${params.format}`
    case 'pattern': return `text that matches ${params.pattern}`
    default: return (message ?? keyword).replace(/^must (?:be |NOT have |have |match )?/, (start) => start.includes('NOT') ? 'not ' : '')
  }
}
