import { defineUpstream, Type } from 'gatehouse'

const User = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  email: Type.String({ format: 'email' }),
  team: Type.String(),
})

/** A directory of people. Its service learns from two headers who is calling, and a new version of it is tried out. */
export default defineUpstream({
  name: 'users',
  description: 'A directory of people, and who the gateway says you are.',
  prefix: '/users',
  targets: [
    { url: process.env.USERS_URL ?? 'http://127.0.0.1:4002', version: 'v1' },
    { url: process.env.USERS_CANARY_URL ?? 'http://127.0.0.1:4012', version: 'v2' },
  ],
  // a canary: a tenth of the consumers get v2, and every request that asks for it
  split: {
    versions: { v1: { weight: 90 }, v2: { weight: 10, when: { headers: { 'x-canary': 'yes' } } } },
  },
  auth: { jwt: { scopes: ['users:read'] } },
  rateLimit: { max: 60, window: '1 minute' },
  identityHeaders: { 'x-consumer-id': 'sub', 'x-consumer-scopes': 'scope' },
  routes: [
    {
      method: 'GET',
      url: '/',
      schema: {
        summary: 'List users',
        operationId: 'listUsers',
        querystring: Type.Object(
          { team: Type.Optional(Type.String({ maxLength: 50 })) },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ users: Type.Array(User) }) },
      },
    },
    {
      method: 'GET',
      url: '/:id',
      // far tighter than the rest: nobody copies the directory one by one
      rateLimit: { max: 5, window: '1 minute' },
      schema: {
        summary: 'Read a user',
        operationId: 'readUser',
        description: 'Five times a minute for each consumer.',
        params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
        response: { 200: User },
      },
    },
    {
      method: 'GET',
      url: '/me',
      // a token is enough, whatever its scopes
      auth: { jwt: {} },
      schema: {
        summary: 'Tell who is calling',
        operationId: 'readConsumer',
        response: { 200: Type.Object({ consumer: Type.String(), scopes: Type.Array(Type.String()) }) },
      },
    },
    {
      method: 'GET',
      url: '/whoami',
      auth: 'none',
      redirect: { to: '/users/me', status: 301 },
      schema: { summary: 'Former address of /users/me', operationId: 'formerConsumer', deprecated: true },
    },
  ],
})
