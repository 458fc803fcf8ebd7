import { defineUpstream, Type } from 'gatehouse'

/** Connections that stay open: WebSocket and Server-Sent Events. */
export default defineUpstream({
  name: 'live',
  description: 'A clock and an echo over connections that stay open.',
  prefix: '/live',
  // taken in turn; one that fails is left out until it is well again
  targets: [process.env.LIVE_URL ?? 'http://127.0.0.1:4003', process.env.LIVE_2_URL ?? 'http://127.0.0.1:4013'],
  auth: 'none',
  rateLimit: { max: 30, window: '1 minute', by: 'address' },
  responseHeaders: { set: { 'x-content-type-options': 'nosniff' } },
  routes: [
    {
      method: 'GET',
      url: '/',
      schema: { summary: 'A page with a clock', operationId: 'livePage', hide: true },
    },
    {
      method: 'GET',
      url: '/ticks',
      schema: {
        summary: 'The time as Server-Sent Events',
        operationId: 'streamTicks',
        description: 'An event each second. Without a count the response never ends.',
        response: { 200: Type.String({ description: 'Events named `tick`.' }) },
        produces: ['text/event-stream'],
        querystring: Type.Object(
          {
            count: Type.Optional(
              Type.Integer({
                minimum: 1,
                maximum: 3600,
                examples: [3],
                description: 'Ends the stream after so many events.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
      },
    },
    {
      method: 'GET',
      url: '/socket',
      websocket: true,
      auth: { jwt: { scopes: ['live:read'] } },
      schema: {
        summary: 'WebSocket: an echo, or a clock',
        operationId: 'openSocket',
        description:
          'The subprotocol `echo` (default) answers each text with itself, `clock` tells the time each second.',
      },
    },
  ],
})
