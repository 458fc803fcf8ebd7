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
              'Who may keep the response: everybody, the client alone, everybody who asks again before each use, or nobody. Where it is `public` and the request is authenticated or the response sets a cookie, clients are told `private`, unless `override` is set. Default: nothing is said.',
          }),
        ),
        maxAge: Type.Optional(
          Duration({
            least: 1000,
            description: 'How long clients may use the response, with `public` and `private`; whole seconds.',
          }),
        ),
        sharedMaxAge: Type.Optional(
          Duration({
            least: 1000,
            description: 'How long shared caches may, with `public`; whole seconds. Default: `maxAge`.',
          }),
        ),
        override: Type.Optional(
          Type.Boolean({
            description:
              "Says it in place of the upstream's own `Cache-Control`, `Expires` and `Pragma`. Default: false, the upstream's own word wins.",
          }),
        ),
        etag: Type.Optional(
          Type.Boolean({
            description:
              'Gives 200 answers to GET an `ETag`, a hash of their body, when the upstream sends neither `ETag` nor `Last-Modified`, and answers 304 to clients that have the same already. For bodies to 1 MiB that are there within 100 ms after their head. Default: false.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { privacy, maxAge, sharedMaxAge, override, etag }',
    description:
      'What clients are told about keeping responses that do not say so themselves. Errors that do not are told `no-store`. Default: false, nothing is added.',
  },
)
export type ClientCache = Static<typeof ClientCache>
export type ClientCacheSettings = Exclude<ClientCache, false>
