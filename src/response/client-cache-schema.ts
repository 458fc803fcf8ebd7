import Type, { type Static } from 'typebox'
import { Duration } from '../units.ts'

/** `clientCache` of an upstream or a route. */
export const ClientCache = Type.Union(
  [
    Type.Literal(false),
    Type.Object(
      {
        privacy: Type.Optional(
          Type.Enum(['public', 'private', 'no-cache', 'no-store'], {
            description:
              'The `Cache-Control` that is sent. `public`: every cache may store the response; `private`: only the client; `no-cache`: stored, but revalidated before each use; `no-store`: not stored. If the request is authenticated or the response sets a cookie, `public` is sent as `private`, unless `override` is set. Default: nothing is added.',
          }),
        ),
        maxAge: Type.Optional(
          Duration({
            least: 1000,
            description: 'How long clients may use the response, in whole seconds. Only with `public` and `private`.',
          }),
        ),
        sharedMaxAge: Type.Optional(
          Duration({
            least: 1000,
            description: 'How long shared caches may use it, in whole seconds. Only with `public`. Default: `maxAge`.',
          }),
        ),
        override: Type.Optional(
          Type.Boolean({
            description:
              "Replaces the upstream's `Cache-Control`, `Expires` and `Pragma`. Default: false, the upstream's headers win.",
          }),
        ),
        etag: Type.Optional(
          Type.Boolean({
            description:
              'Adds an `ETag`, a hash of the body, to 200 answers to `GET` that have no `ETag` and no `Last-Modified`, and answers 304 to clients that already have the body. Only for bodies up to 1 MiB that are complete within 100 ms after their head. Default: false.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { privacy, maxAge, sharedMaxAge, override, etag }',
    description:
      'Adds `Cache-Control` for clients if the upstream sends none. Errors without one get `no-store`. Default: false, nothing is added.',
  },
)
export type ClientCache = Static<typeof ClientCache>
export type ClientCacheSettings = Exclude<ClientCache, false>
