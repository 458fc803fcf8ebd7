import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Type from 'typebox'
import { ConfigSchema } from '../../src/config/config-schema.ts'
import { environmentVariables, readEnvironment } from '../../src/config/environment.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const Schema = Type.Object({
  port: Type.Integer(),
  bodyLimit: Type.Union([Type.Integer(), Type.String()]),
  trustProxy: Type.Array(Type.String()),
  issuer: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
  names: Type.Record(Type.String(), Type.String()),
  docs: Type.Union([
    Type.Literal(false),
    Type.Object({
      path: Type.String(),
      auth: Type.Union([Type.Literal('none'), Type.Object({ scopes: Type.Array(Type.String()) })]),
    }),
  ]),
  log: Type.Object({ access: Type.Boolean(), maxHTTPSize: Type.Integer() }),
  key: Type.Optional(Type.String({ writeOnly: true })),
})

const read = (env: Record<string, string>, cwd = '/'): { values: Record<string, unknown>; problems: string[] } => {
  const { settings, problems } = readEnvironment(Schema, env, cwd)
  return {
    values: Object.fromEntries(settings.map(({ path, value }) => [path.join('.'), value])),
    problems: problems.map(({ file, field, message }) => {
      assert.equal(field, '')
      return `${file}: ${message}`
    }),
  }
}

test('every plain value and list of text has a variable, named by its path', () => {
  assert.deepEqual(
    environmentVariables(Schema).map(({ name, path }) => `${name} ${path.join('.')}`),
    [
      'GATEHOUSE_PORT port',
      'GATEHOUSE_BODY_LIMIT bodyLimit',
      'GATEHOUSE_TRUST_PROXY trustProxy',
      'GATEHOUSE_ISSUER issuer',
      'GATEHOUSE_DOCS docs',
      'GATEHOUSE_DOCS_PATH docs.path',
      'GATEHOUSE_DOCS_AUTH docs.auth',
      'GATEHOUSE_DOCS_AUTH_SCOPES docs.auth.scopes',
      'GATEHOUSE_LOG_ACCESS log.access',
      'GATEHOUSE_LOG_MAX_HTTPSIZE log.maxHTTPSize',
      'GATEHOUSE_KEY key',
    ],
  )
})

test('the variables of the configuration are distinct, the documented ones among them', () => {
  const variables = environmentVariables(ConfigSchema)
  const names = variables.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name]))
  assert.equal(new Set(names).size, names.length)
  for (const name of [
    'HOST',
    'PORT',
    'ROUTES',
    'OPENAPI',
    'LOG_LEVEL',
    'TRUST_PROXY',
    'REDIS',
    'JWT_SECRET',
    'JWT_SECRET_FILE',
    'JWT_PUBLIC_KEY_FILE',
    'JWT_PRIVATE_KEY_FILE',
    'REDIS_FILE',
    'SHUTDOWN_TIMEOUT',
  ]) {
    assert.ok(names.includes(`GATEHOUSE_${name}`), name)
  }
  assert.deepEqual(
    variables.filter(({ secret }) => secret).map(({ path }) => path.join('.')),
    [
      'jwt.secret',
      'jwt.publicKey',
      'jwt.privateKey',
      'introspection.clientSecret',
      'login.clientSecret',
      'login.sessionSecret',
      'redis',
      'redis.password',
      'stickySecret',
    ],
  )
})

test('what the environment cannot say is told with what it can', () => {
  assert.deepEqual(
    read({ GATEHOUSE_DOCS: 'true', GATEHOUSE_DOCS_AUTH: 'jwt', GATEHOUSE_LOG: 'debug', GATEHOUSE_NAMES: 'a=b' }),
    {
      values: {},
      problems: [
        'GATEHOUSE_DOCS: found true, allowed in the environment: false, or a part by GATEHOUSE_DOCS_PATH, GATEHOUSE_DOCS_AUTH, GATEHOUSE_DOCS_AUTH_SCOPES; all else is stated as "docs" in the configuration file',
        'GATEHOUSE_DOCS_AUTH: found "jwt", allowed in the environment: "none", or a part by GATEHOUSE_DOCS_AUTH_SCOPES; all else is stated as "docs.auth" in the configuration file',
        'GATEHOUSE_LOG: cannot be set as a whole by the environment, allowed: its parts by GATEHOUSE_LOG_ACCESS, GATEHOUSE_LOG_MAX_HTTPSIZE, or "log" in the configuration file',
        'GATEHOUSE_NAMES: cannot be set as a whole by the environment, allowed: "names" in the configuration file',
      ],
    },
  )
})

test('text becomes the kind of value that the schema means', () => {
  assert.deepEqual(
    read({
      GATEHOUSE_PORT: ' 8080 ',
      GATEHOUSE_BODY_LIMIT: '2MiB',
      GATEHOUSE_LOG_ACCESS: 'false',
      GATEHOUSE_DOCS: 'false',
    }).values,
    { port: 8080, bodyLimit: '2MiB', 'log.access': false, docs: false },
  )
  assert.deepEqual(read({ GATEHOUSE_BODY_LIMIT: '500' }).values, { bodyLimit: 500 })
  assert.deepEqual(read({ GATEHOUSE_TRUST_PROXY: '10.0.0.0/8, ::1,' }).values, { trustProxy: ['10.0.0.0/8', '::1'] })
  assert.deepEqual(read({ GATEHOUSE_ISSUER: 'a' }).values, { issuer: 'a' })
  assert.deepEqual(read({ GATEHOUSE_ISSUER: 'a,b' }).values, { issuer: ['a', 'b'] })
  // what does not fit goes through as it is, and the check tells
  assert.deepEqual(read({ GATEHOUSE_PORT: 'abc', GATEHOUSE_LOG_ACCESS: 'yes' }).values, {
    port: 'abc',
    'log.access': 'yes',
  })
})

test('an empty variable counts as absent, and other variables are nobody’s business', () => {
  assert.deepEqual(read({ GATEHOUSE_PORT: '', GATEHOUSE_KEY_FILE: '', PATH: '/bin', gatehouse_port: '1' }), {
    values: {},
    problems: [],
  })
})

test('an unknown variable is a problem', () => {
  assert.deepEqual(read({ GATEHOUSE_PROT: '1', GATEHOUSE_BANANA: '1', GATEHOUSE_PORT_FILE: '/x' }).problems, [
    'GATEHOUSE_PROT: unknown environment variable, did you mean GATEHOUSE_PORT?',
    'GATEHOUSE_BANANA: unknown environment variable, allowed: those that docs/configuration.md lists',
    'GATEHOUSE_PORT_FILE: unknown environment variable, only secrets can be in a file, allowed: GATEHOUSE_PORT',
  ])
})

test('variables that Kubernetes makes for a service of this name are passed over', () => {
  assert.deepEqual(
    read({
      GATEHOUSE_SERVICE_HOST: '10.0.0.1',
      GATEHOUSE_SERVICE_PORT: '3000',
      GATEHOUSE_SERVICE_PORT_HTTP: '3000',
      GATEHOUSE_PORT: 'tcp://10.0.0.1:3000',
      GATEHOUSE_PORT_3000_TCP: 'tcp://10.0.0.1:3000',
      GATEHOUSE_PORT_3000_TCP_ADDR: '10.0.0.1',
      GATEHOUSE_INTERNAL_SERVICE_HOST: '10.0.0.1',
    }),
    { values: {}, problems: [] },
  )
})

test('a secret can be in a file, whose last newline is not part of it', (t) => {
  const folder = temporaryFolder(t, { key: 'line 1\nline 2 \n', crlf: 'a\r\n', empty: '\n' })
  assert.deepEqual(read({ GATEHOUSE_KEY_FILE: join(folder, 'key') }), {
    values: { key: 'line 1\nline 2 ' },
    problems: [],
  })
  assert.deepEqual(read({ GATEHOUSE_KEY_FILE: 'crlf' }, folder).values, { key: 'a' })
  assert.deepEqual(read({ GATEHOUSE_KEY_FILE: 'empty' }, folder).problems, [
    'GATEHOUSE_KEY_FILE: the file empty is empty',
  ])
  assert.deepEqual(read({ GATEHOUSE_KEY_FILE: 'none' }, folder).problems, [
    'GATEHOUSE_KEY_FILE: the file none cannot be read: no such file',
  ])
  assert.deepEqual(read({ GATEHOUSE_KEY_FILE: '.' }, folder).problems, [
    'GATEHOUSE_KEY_FILE: the file . cannot be read: it is a folder',
  ])
  assert.deepEqual(read({ GATEHOUSE_KEY_FILE: 'key', GATEHOUSE_KEY: 'x' }, folder).problems, [
    'GATEHOUSE_KEY_FILE: GATEHOUSE_KEY is set too, allowed: one of the two',
  ])
})

test('a secret is taken letter by letter', () => {
  assert.deepEqual(read({ GATEHOUSE_KEY: ' a,b ' }).values, { key: ' a,b ' })
})
