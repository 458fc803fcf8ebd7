import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { PROBLEM, addProblem, sharedComponents } from '../../src/portal/openapi-answers.ts'
import { ERRORS, type ErrorCode } from '../../src/errors.ts'

const PROBLEM_TYPE = 'application/problem+json'
const { responses, examples: shared } = sharedComponents() as unknown as Record<
  'responses' | 'examples',
  Record<string, any>
>
const examplesOf = (response: any): [name: string, value: any][] =>
  Object.entries<any>(response.content[PROBLEM_TYPE].examples).map(([name, { $ref }]) => [
    name,
    shared[$ref.replace('#/components/examples/', '')].value,
  ])

test('each error response shows an example of each of its codes, as the gateway sends it', () => {
  const isProblem = new Ajv2020().compile(PROBLEM)
  for (const [name, response] of Object.entries(responses)) {
    const examples = examplesOf(response)
    assert.notEqual(examples.length, 0, name)
    assert.deepEqual(
      examples.map(([code]) => code),
      response['x-gatehouse-errors'],
      name,
    )
    for (const [code, value] of examples) {
      const { status, title, message } = ERRORS[code as ErrorCode]
      assert.ok(isProblem(value), `${name} ${code}`)
      assert.deepEqual(
        [value.code, value.type, value.status, value.title, value.detail],
        [code, `urn:gatehouse:error:${code}`, status, title, message],
      )
      assert.ok(response.description.includes(`\`${code}\``), name)
    }
    assert.equal(new Set(examples.map(([, { status }]) => status)).size, 1, `${name} is of one status`)
  }
})

test('the example of a validation error lists a violation', () => {
  const [, value] = examplesOf(responses.BadRequest).find(([code]) => code === 'GW_VALIDATION')!
  assert.deepEqual(
    value.errors.map(({ in: part }: { in: string }) => part),
    ['body'],
  )
})

test('a response of the service that the gateway may give too has examples of its status', () => {
  const own = { description: 'Bad', content: { 'application/json': { schema: { type: 'string' } } } }
  const added = addProblem(own, 403) as any
  assert.deepEqual(
    examplesOf(added).map(([code]) => code),
    ['GW_FORBIDDEN'],
  )
  assert.equal(added['x-gatehouse-errors'], undefined, 'it is not of the gateway alone')
})

test('examples of the service stay as they are', () => {
  for (const own of [{ example: { title: 'mine' } }, { examples: { mine: { value: { title: 'mine' } } } }]) {
    const { content } = addProblem(
      { description: 'Bad', content: { [PROBLEM_TYPE]: { schema: { type: 'object' }, ...own } } },
      400,
    ) as any
    assert.equal(content[PROBLEM_TYPE].example, (own as any).example)
    assert.equal(content[PROBLEM_TYPE].examples, (own as any).examples)
  }
})
