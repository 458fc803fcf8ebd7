import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { startApiGateway } from './api-gateway.ts'

/** What a row sends: a path behind that of the row, or a body with its type, and headers. */
export interface Sent {
  path?: string
  type?: string
  body?: string | Uint8Array<ArrayBuffer>
  headers?: Record<string, string>
}

/** A feature of OpenAPI that docs/openapi.md calls enforced: what passes, and what is refused. */
export interface Feature {
  path?: string
  method?: string
  operation: object
  passes: Sent[]
  refused: Sent[]
  status?: number
}

/** Tries every feature on one gateway, whose document has a path for each. */
export async function tryFeatures(
  t: TestContext,
  features: Record<string, Feature>,
  { openapi = '3.1.0', ...others }: { openapi?: string; components?: object } = {},
): Promise<void> {
  const rows = Object.entries(features).map(([name, feature], i) => ({ name, feature, base: `/row-${i}` }))
  const document = {
    openapi,
    info: { title: 'Features', version: '1' },
    ...others,
    paths: Object.fromEntries(
      rows.map(({ base, feature: { path = '', operation } }) => {
        const method = 'requestBody' in operation ? 'post' : 'get'
        return [
          base + path,
          {
            ...(path === '' ? { parameters: [{ name: 'q', in: 'query', schema: {} }] } : {}),
            [method]: { ...operation, responses: { default: { description: '' } } },
          },
        ]
      }),
    ),
  }
  const { url, backend } = await startApiGateway(t, document)
  const send = async (base: string, method: string, { path = '', type, body, headers = {} }: Sent) => {
    const response = await fetch(url + base + path, {
      method,
      headers: { ...(type === undefined ? {} : { 'content-type': type }), ...headers },
      body,
    })
    return `${response.status} ${response.status < 300 ? '' : JSON.stringify(((await response.json()) as any).errors ?? '')}`
  }
  for (const {
    name,
    base,
    feature: { operation, passes, refused, status = 400 },
  } of rows) {
    const method = 'requestBody' in operation ? 'POST' : 'GET'
    for (const sent of passes) {
      assert.match(await send(base, method, sent), /^200 /, `${name} passes: ${JSON.stringify(sent)}`)
    }
    const reached = backend.received.length
    for (const sent of refused) {
      assert.match(
        await send(base, method, sent),
        new RegExp(`^${status} `),
        `${name} refuses: ${JSON.stringify(sent)}`,
      )
    }
    assert.equal(backend.received.length, reached, name)
  }
}

/** Bodies in JSON. */
export const values = (...all: unknown[]): Sent[] =>
  all.map((value) => ({ type: 'application/json', body: JSON.stringify(value) }))

/** An operation with such a body. */
export const json = (schema: unknown): object => ({
  requestBody: { required: true, content: { 'application/json': { schema } } },
})
