import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Script } from 'node:vm'
import { parse } from 'yaml'

const file = (name: string): URL => new URL(`../../${name}`, import.meta.url)
const read = (name: string): string => readFileSync(file(name), 'utf8')

interface Service {
  ports?: string[]
  networks: string[]
  read_only: boolean
  cap_drop: string[]
  security_opt: string[]
  command?: string[]
  volumes?: string[]
  environment?: Record<string, string>
  depends_on?: Record<string, { condition: string }>
  healthcheck?: object
  user?: string
}
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>
  networks: Record<string, { internal?: boolean }>
  secrets: Record<string, { file: string }>
}
const { gateway, ...others } = compose.services

test('only the gateway is published, the rest is on a network without a way out', () => {
  assert.deepEqual(gateway!.ports, ['127.0.0.1:3000:3000'])
  assert.deepEqual(gateway!.networks, ['edge', 'backends'])
  assert.equal(compose.networks.backends!.internal, true)
  for (const [name, service] of Object.entries(others)) {
    assert.equal(service.ports, undefined, name)
    assert.deepEqual(service.networks, ['backends'], name)
  }
})

test('no service can write to its files or gain rights', () => {
  for (const [name, service] of Object.entries(compose.services)) {
    assert.equal(service.read_only, true, name)
    assert.deepEqual(service.cap_drop, ['ALL'], name)
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name)
  }
  for (const volume of gateway!.volumes!) assert.match(volume, /:ro$/)
  assert.equal(compose.services.redis!.user, 'redis')
})

test('the gateway waits until all that it needs is healthy', () => {
  assert.deepEqual(Object.keys(gateway!.depends_on!).sort(), Object.keys(others).sort())
  for (const { condition } of Object.values(gateway!.depends_on!)) assert.equal(condition, 'service_healthy')
  for (const [name, service] of Object.entries(others)) assert.ok(service.healthcheck, name)
})

test('addresses of the services agree with where they listen', () => {
  for (const name of ['orders', 'users', 'users-canary', 'live', 'live-2', 'catalog']) {
    const { environment, command } = others[name]!
    assert.equal(
      gateway!.environment![`${name.toUpperCase().replace('-', '_')}_URL`],
      `http://${name}:${environment!.PORT}`,
    )
    assert.ok(existsSync(file(command![1]!)), name)
  }
})

test('compose ships no secret: it asks for a file and says how to make one', () => {
  // the form with which compose stops when the variable is missing or empty
  const { file: secret } = compose.secrets.jwt_secret!
  assert.match(secret, /^\$\{GATEHOUSE_JWT_SECRET_FILE:\?[^}]*openssl rand -hex 32 > jwt-secret\.txt[^}]*\}$/)
  assert.ok(read('.gitignore').split('\n').includes('/jwt-secret.txt'))
  assert.ok(!read('.dockerignore').split('\n').includes('!jwt-secret.txt'))
})

test('the image has what it copies, runs without root, and its health check can be parsed', () => {
  const lines = read('Dockerfile').replaceAll('\\\n', ' ').split('\n')
  const ignored = read('.dockerignore').split('\n')
  for (const line of lines.filter((line) => line.startsWith('COPY '))) {
    for (const source of line.split(' ').slice(1, -1)) {
      assert.ok(existsSync(file(source)), source)
      assert.ok(ignored.includes(`!${source}`), source)
    }
  }
  assert.ok(lines.indexOf('USER node') > 0)
  const check = JSON.parse(/CMD (\[.*\])$/.exec(lines.find((line) => line.startsWith('HEALTHCHECK'))!)![1]!) as string[]
  assert.doesNotThrow(() => new Script(check.at(-1)!))
})
