import { defineUpstream, Type } from 'gatehouse'

/** An upstream that is never called: the next gateway of `--watch` warms up with it. */
export default defineUpstream({
  name: 'sample',
  prefix: '/sample',
  targets: ['http://127.0.0.1:9'],
  openapi: 'sample.yaml',
  auth: 'none',
  rateLimit: { max: 100, window: '1 minute' },
  routes: [
    {
      method: 'POST',
      url: '/:id',
      schema: {
        summary: 'Sample',
        params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
        querystring: Type.Object(
          { limit: Type.Optional(Type.Integer({ minimum: 1 })) },
          { additionalProperties: false },
        ),
        body: Type.Object({ name: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
        response: { 200: Type.Object({ id: Type.Integer(), at: Type.String({ format: 'date-time' }) }) },
      },
    },
  ],
})
