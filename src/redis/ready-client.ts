/**
 * The client, if Redis is connected; starts connecting if it was not asked before.
 * @param client  null until it exists
 * @throws Error while Redis is away
 */
export function readyClient<Client extends { status: string; connect(): Promise<unknown> }>(
  client: Client | null,
): Client {
  if (client?.status === 'wait') client.connect().catch(() => {})
  // the error of the client itself has a stack that nobody needs
  if (client?.status !== 'ready') throw AWAY
  return client
}

const AWAY = new Error('Redis is away')
