import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../../src/app.ts'
import { BootProblems } from '../../../src/errors.ts'
import { JWT_SECRET, routesFolder, startGateway, testConfig } from '../../support/gateway.ts'
import { validDocument } from '../../support/valid-document.ts'

const jwt = { secret: JWT_SECRET }
const apiKeys = { keys: [] }
const about = (schemes: string) => `info: { title: T, version: "1" }\ncomponents: { securitySchemes: ${schemes} }\n`

async function hints(t: TestContext, config: object, gateway?: string): Promise<Record<string, string>> {
  const openapi = await routesFolder(t, gateway === undefined ? {} : { 'gateway.yaml': gateway })
  const { url } = await startGateway(t, {}, { ...config, openapi })
  const { components } = await validDocument((await (await fetch(`${url}/docs/json`)).json()) as object)
  return Object.fromEntries(
    Object.entries<any>(components.securitySchemes).map(([name, { description }]) => [name, description]),
  )
}

test('the document says for each scheme where its credentials come from', async (t) => {
  const { jwt: token, apiKey } = await hints(t, { jwt, apiKeys })
  assert.match(token!, /without the word Bearer.*Ask the operator/)
  assert.match(apiKey!, /API key/)
})

test('it names the issuers of the tokens', async (t) => {
  assert.match(
    (await hints(t, { jwt: { ...jwt, issuer: 'https://id.example.com' } })).jwt!,
    /of https:\/\/id\.example\.com, /,
  )
  const issuers = [
    { issuer: 'https://a.example', secret: JWT_SECRET },
    { issuer: 'https://b.example', secret: JWT_SECRET },
  ]
  assert.match((await hints(t, { jwt: { issuers } })).jwt!, /of https:\/\/a\.example or https:\/\/b\.example, /)
})

test('gateway.yaml says it in the words of the operator', async (t) => {
  const said = await hints(t, { jwt, apiKeys }, about('{ jwt: { description: "**Here** it is." } }'))
  assert.equal(said.jwt, '**Here** it is.')
  assert.match(said.apiKey!, /API key/)
})

test('a scheme that there is not, or another field, stops the boot', async (t) => {
  for (const [schemes, field] of [
    ['{ bearer: { description: x } }', 'bearer'],
    ['{ jwt: { type: http } }', 'jwt'],
    ['{ jwt: { description: "" } }', 'jwt'],
  ] as const) {
    const [routes, openapi] = [await routesFolder(t, {}), await routesFolder(t, { 'gateway.yaml': about(schemes) })]
    await assert.rejects(buildApp(testConfig(routes, { jwt, openapi })), (error: BootProblems) => {
      assert.ok(error.problems.length > 0)
      for (const problem of error.problems) {
        assert.match(
          `${problem.file}: ${problem.field}`,
          new RegExp(`gateway\\.yaml: components\\.securitySchemes\\.${field}`),
        )
      }
      return true
    })
  }
})
