import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

/** `dns` of an upstream or of the gateway. */
export const Dns = Type.Object(
  {
    addresses: Type.Optional(
      Type.Enum(['one', 'all'], {
        description:
          '`one`: a name is one target, whose connections go to its addresses in turn. `all`: each of its addresses is a target of its own, balanced and judged by itself; of a name with IPv4 and IPv6 addresses, those of IPv4. Default: `one`.',
      }),
    ),
    ttl: Type.Optional(
      Duration({
        least: 100,
        description:
          'How long an answer counts. Default: what the record says, from 1 second to 5 minutes; 30 seconds where nothing says it (SRV records, `/etc/hosts`).',
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
      'How the names of targets become addresses. They are looked up again when their time is over; connections to an address that is gone are closed when they are done. When no answer comes, the last one stays.',
  },
)
export type DnsSettings = Static<typeof Dns>
