import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

/** `dns` of an upstream or of the gateway. */
export const Dns = Type.Object(
  {
    addresses: Type.Optional(
      Type.Enum(['one', 'all'], {
        description:
          '`one`: a name is one target, and its connections go to its addresses in turn. `all`: each of its addresses is a target, with its own balancing, health and circuit breaker; if a name has IPv4 and IPv6 addresses, only those of IPv4. Default: `one`.',
      }),
    ),
    ttl: Type.Optional(
      Duration({
        least: 100,
        description:
          'How long an answer is used. Default: the time that the record states, from 1 second to 5 minutes; 30 seconds if nothing states one (SRV records, `/etc/hosts`).',
      }),
    ),
    servers: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^(\\d{1,3}(\\.\\d{1,3}){3}|\\[[0-9A-Fa-f:.]+\\])(:\\d{1,5})?$',
          title: 'IP address with or without a port, such as "10.0.0.2" or "[::1]:8600"',
        }),
        {
          minItems: 1,
          maxItems: 8,
          description:
            "Name servers to ask, such as those of Consul. Default: the system's resolver, with its `/etc/hosts` and search domains.",
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    description:
      'How the names of targets are looked up. They are looked up again when the answer expires. Connections to an address that has gone are closed when their requests are done. If no answer arrives, the last one stays in use.',
  },
)
export type DnsSettings = Static<typeof Dns>
