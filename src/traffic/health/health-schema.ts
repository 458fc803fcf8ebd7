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
              'Path of the check, a GET below the base path of the target. Default: none, a TCP connection that opens is enough.',
          }),
        ),
        interval: Type.Optional(
          Duration({
            least: 10,
            description:
              'Time between two checks of a target. It varies by up to a fifth, so that checks do not coincide. Default: `10s`.',
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
            description:
              'Checks in a row that must fail before a target is unhealthy and gets no more requests. Default: 3.',
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
      'Checks each target regularly. An unhealthy one gets no requests. A target counts as healthy until checks have failed. Default: false.',
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
            description:
              'Answers of 500 and above in a row after which a target is ejected. 0 switches it off. Default: 5.',
          }),
        ),
        consecutiveGatewayErrors: Type.Optional(
          Type.Integer({ minimum: 0, description: 'The same for 502, 503 and 504. 0 switches it off. Default: 0.' }),
        ),
        consecutiveLocalErrors: Type.Optional(
          Type.Integer({
            minimum: 0,
            description:
              'The same for attempts without an answer: no connection, a broken connection, too slow. 0 switches it off. Default: 5.',
          }),
        ),
        successRate: Type.Optional(
          Type.Object(
            {
              minimumTargets: Type.Optional(
                Type.Integer({
                  minimum: 2,
                  description: 'Fewest targets that must have `minimumRequests` before they are compared. Default: 5.',
                }),
              ),
              minimumRequests: Type.Optional(
                Type.Integer({
                  minimum: 1,
                  description: 'Fewest requests of a target in an interval before it is compared. Default: 100.',
                }),
              ),
              deviations: Type.Optional(
                Type.Number({
                  minimum: 0.1,
                  description:
                    'A target is ejected if its success rate is this many standard deviations below the mean. Default: 1.9.',
                }),
              ),
              interval: Type.Optional(
                Duration({ least: 100, description: 'Time between two comparisons. Default: `10s`.' }),
              ),
            },
            { additionalProperties: false, description: 'Ejects targets that fail more often than the others.' },
          ),
        ),
        baseEjectionTime: Type.Optional(
          Duration({
            least: 1,
            description:
              'How long a target is ejected the first time. Each further ejection is longer. Default: `30s`.',
          }),
        ),
        maxEjectionTime: Type.Optional(Duration({ least: 1, description: 'Longest ejection. Default: `5 minutes`.' })),
        maxEjectionPercent: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 100,
            description:
              'Largest share of the targets, in per cent, that is ejected at once. One may always be ejected, the last one never. Default: 50.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title:
      'false or { consecutive5xx, consecutiveGatewayErrors, consecutiveLocalErrors, successRate, baseEjectionTime, maxEjectionTime, maxEjectionPercent }',
    description: 'Ejects a target for a while when requests to it fail. Default: false.',
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
          description: 'Time until a target that has returned gets its whole share.',
        }),
        minimumPercent: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 100,
            description: 'Share in per cent with which it begins. Default: 10.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { window, minimumPercent }',
    description:
      'Raises the share of a target that has returned evenly. Default: false, it gets its whole share at once.',
  },
)
export type SlowStartSettings = Exclude<Static<typeof SlowStartSettings>, false>

/** `panicThreshold` of an upstream or of the gateway. */
export const PanicThreshold = Type.Integer({
  minimum: 0,
  maximum: 100,
  description:
    'If fewer than this percentage of the targets is healthy and not ejected, all targets get requests. Otherwise the few healthy ones would be overloaded, and checks can be wrong. Default: 0, never.',
})
