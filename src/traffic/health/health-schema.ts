import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

/** `healthCheck` of an upstream or of the gateway. */
export const HealthCheckSettings = Type.Union(
  [
    Type.Literal(false),
    Type.Object(
      {
        path: Type.Optional(
          Type.String({
            pattern: '^/[\\x21-\\x7E]*$',
            title: 'path that starts with "/"',
            description:
              'What is asked with GET, below the base path of the target. Default: none, a TCP connection that stands is enough.',
          }),
        ),
        interval: Type.Optional(
          Duration({
            least: 10,
            description:
              'Time between two checks of a target, give or take a fifth, so that they do not come at once. Default: `10s`.',
          }),
        ),
        timeout: Type.Optional(Duration({ least: 1, description: 'How long a check may take. Default: `2s`.' })),
        healthy: Type.Optional(
          Type.Integer({
            minimum: 1,
            description: 'Checks in a row that must pass before an unhealthy target gets requests again. Default: 2.',
          }),
        ),
        unhealthy: Type.Optional(
          Type.Integer({
            minimum: 1,
            description: 'Checks in a row that must fail before a target gets no more requests. Default: 3.',
          }),
        ),
        status: Type.Optional(
          Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), {
            minItems: 1,
            description: 'Statuses that pass. Default: 200 to 399.',
          }),
        ),
        body: Type.Optional(
          Type.String({
            minLength: 1,
            description: 'Text that the first 64 KiB of the body must contain. Default: any body.',
          }),
        ),
        headers: Type.Optional(
          Type.Record(
            Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" }),
            Type.String({ pattern: '^[\\t\\x20-\\x7E]*$' }),
            { description: 'Headers of the check, such as `host`.' },
          ),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { path, interval, timeout, healthy, unhealthy, status, body, headers }',
    description:
      'Asks each target on and on whether it is well; one that is not gets no requests. Until it is known to be unwell, a target counts as well. Default: false.',
  },
)
export type HealthCheckSettings = Exclude<Static<typeof HealthCheckSettings>, false>

/** `outlierDetection` of an upstream or of the gateway. */
export const OutlierSettings = Type.Union(
  [
    Type.Literal(false),
    Type.Object(
      {
        consecutive5xx: Type.Optional(
          Type.Integer({
            minimum: 0,
            description: 'Answers of 500 and above in a row after which a target is ejected; 0 for none. Default: 5.',
          }),
        ),
        consecutiveGatewayErrors: Type.Optional(
          Type.Integer({ minimum: 0, description: 'The same of 502, 503 and 504. Default: 0.' }),
        ),
        consecutiveLocalErrors: Type.Optional(
          Type.Integer({
            minimum: 0,
            description: 'The same of attempts without an answer: no connection, broken off, too slow. Default: 5.',
          }),
        ),
        successRate: Type.Optional(
          Type.Object(
            {
              minimumTargets: Type.Optional(
                Type.Integer({
                  minimum: 2,
                  description: 'Fewest targets with enough requests to compare. Default: 5.',
                }),
              ),
              minimumRequests: Type.Optional(
                Type.Integer({ minimum: 1, description: 'Fewest requests of a target in an interval. Default: 100.' }),
              ),
              deviations: Type.Optional(
                Type.Number({
                  minimum: 0.1,
                  description: 'How many standard deviations below the mean ejects. Default: 1.9.',
                }),
              ),
              interval: Type.Optional(Duration({ least: 100, description: 'Default: `10s`.' })),
            },
            { additionalProperties: false, description: 'Ejects targets that fail more often than the others.' },
          ),
        ),
        baseEjectionTime: Type.Optional(
          Duration({
            least: 1,
            description: 'How long a target is ejected the first time; it grows with each time. Default: `30s`.',
          }),
        ),
        maxEjectionTime: Type.Optional(Duration({ least: 1, description: 'Longest ejection. Default: `5 minutes`.' })),
        maxEjectionPercent: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 100,
            description: 'Most of the targets that are ejected at once; the last one never is. Default: 50.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title:
      'false or { consecutive5xx, consecutiveGatewayErrors, consecutiveLocalErrors, successRate, baseEjectionTime, maxEjectionTime, maxEjectionPercent }',
    description: 'Ejects a target for a while when the requests themselves show that it fails. Default: false.',
  },
)
export type OutlierSettings = Exclude<Static<typeof OutlierSettings>, false>

/** `slowStart` of an upstream or of the gateway. */
export const SlowStartSettings = Type.Union(
  [
    Type.Literal(false),
    Type.Object(
      {
        window: Duration({
          least: 1,
          description: 'How long it takes until a target that has come back gets its whole share.',
        }),
        minimumPercent: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 100, description: 'Share that it begins with. Default: 10.' }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { window, minimumPercent }',
    description: 'Gives a target that comes back a share that grows evenly. Default: false, the whole at once.',
  },
)
export type SlowStartSettings = Exclude<Static<typeof SlowStartSettings>, false>

/** `panicThreshold` of an upstream or of the gateway. */
export const PanicThreshold = Type.Integer({
  minimum: 0,
  maximum: 100,
  description:
    'When fewer than so many per cent of the targets are healthy and not ejected, all get requests: the few that are left would be overrun, and checks may be wrong. Default: 0, never.',
})
