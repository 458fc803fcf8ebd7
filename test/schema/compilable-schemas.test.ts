import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentMistakes, DocumentValidators } from '../../src/validation/document-validators.ts'
import { RequestValidators } from '../../src/validation/request-check.ts'
import { BootProblems } from '../../src/errors.ts'
import { loadApiDocument } from '../../src/openapi/load-document.ts'
import type { ApiDocument } from '../../src/schema/types.ts'
import { documents } from '../openapi/document-folder.ts'
import { randomNumbers, randomSchema } from '../support/random-schema.ts'

const HAND_WRITTEN = 500
const IN_DOCUMENTS = 300
const seed = Number(process.env.SEED ?? 20261130)

/** Every schema that a request or response could compile, in all the forms in which the gateway compiles it. */
function compileAll(document: ApiDocument): void {
  const validators = new DocumentValidators(document)
  for (const { parameters, body, responses } of document.operations) {
    const asked = [...parameters, ...(body?.content ?? [])].map(
      ({ schemaPointer }) => [schemaPointer, 'request'] as const,
    )
    const answered = responses
      .flatMap(({ content, headers }) => [...content, ...headers])
      .map(({ schemaPointer }) => [schemaPointer, 'response'] as const)
    for (const [pointer, direction] of [...asked, ...answered]) {
      const compile = validators.compiler(validators.schemas.reference(pointer, direction))
      compile('json', true)
      compile('text', false)
    }
  }
}

/** A document with the schema in every place that a request or response is checked against. */
const documentOf = (schema: unknown, version: string): string =>
  JSON.stringify({
    openapi: version,
    info: { title: 'Random', version: '1' },
    paths: {
      '/a/{p}': {
        post: {
          parameters: [
            { name: 'p', in: 'path', required: true, schema: { $ref: '#/components/schemas/S' } },
            { name: 'q', in: 'query', content: { 'application/json': { schema } } },
          ],
          requestBody: {
            content: { 'multipart/form-data': { schema: { type: 'object', properties: { part: schema } } } },
          },
          responses: {
            200: {
              description: '',
              headers: { 'x-a': { schema } },
              content: { 'application/json': { schema: { $ref: '#/components/schemas/S' } } },
            },
          },
        },
      },
    },
    components: {
      schemas: { S: schema, T: { type: 'object', properties: { s: { $ref: '#/components/schemas/S' } } } },
      examples: { e: { value: { type: 5 } } },
    },
  })

/** The seed, so that it can be tried again: `SEED=... node --test ...`. */
const failed = (number: number, text: string): string => `seed ${seed}, number ${number}: ${text}`

test('a hand-written schema that boot accepts can be compiled', () => {
  const random = randomNumbers(seed)
  let accepted = 0
  for (let i = 0; i < HAND_WRITTEN; i++) {
    const schema = randomSchema(random)
    const text = JSON.stringify(schema)
    for (const part of ['body', 'headers']) {
      const { check, mistakes } = new RequestValidators().get(schema, part)
      if (mistakes.length > 0) continue
      accepted++
      assert.doesNotThrow(
        () => {
          check.json(null, 0)
        },
        failed(i, text),
      )
      assert.doesNotThrow(
        () => {
          check.text({}, Infinity)
        },
        failed(i, text),
      )
    }
  }
  // a boot that refuses everything would pass
  assert.ok(accepted > HAND_WRITTEN / 4, `${accepted} accepted`)
})

test('a document that boot accepts has only schemas that can be compiled', async (t) => {
  const random = randomNumbers(seed + 1)
  let accepted = 0
  for (let i = 0; i < IN_DOCUMENTS; i++) {
    const text = documentOf(randomSchema(random), random() < 0.5 ? '3.1.0' : '3.0.3')
    let document: ApiDocument
    try {
      document = await loadApiDocument('api.json', documents(t, { 'api.json': text }))
    } catch (error) {
      assert.ok(error instanceof BootProblems, failed(i, `${String(error)}: ${text}`))
      continue
    }
    if (documentMistakes(document).length > 0) continue
    accepted++
    assert.doesNotThrow(() => compileAll(document), failed(i, text))
  }
  assert.ok(accepted > IN_DOCUMENTS / 6, `${accepted} accepted`)
})
