import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'

/** Node's diagnostics channel that reports every server that begins to listen. */
const LISTENING = 'tracing:net.server.listen:asyncEnd'
/** Time limit for the first target discovery, in milliseconds. */
export const FIRST_DISCOVERY = 2000

/** Explains why listening on an address failed, and what to do; undefined for other errors. */
export function listenFailure(error: unknown, host: string, port: number): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is in use by another process: stop that, or choose another port with --port or GATEHOUSE_PORT`
    case 'EACCES':
      return `no permission to listen on port ${port}: choose one above 1023 with --port or GATEHOUSE_PORT`
    case 'EADDRNOTAVAIL':
      return `${host} is not an address of this machine: choose one that is with --host or GATEHOUSE_HOST, or 0.0.0.0 for all`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name ${host} cannot be resolved: choose an address with --host or GATEHOUSE_HOST`
    default:
      return undefined
  }
}

/**
 * Runs the first target discovery, then starts to listen.
 * @returns the address, such as `http://127.0.0.1:3000`
 */
export async function listen(app: FastifyInstance): Promise<string> {
  const { host, port } = app.config
  await app.upstreams.discover(FIRST_DISCOVERY)
  const { level } = app.log
  // without this, Fastify logs a line for each interface
  app.log.level = 'silent'
  // Fastify creates a server for each address of `localhost`, and exposes only the first
  const note = (message: unknown): void => app.connections.add((message as { server: Server }).server)
  subscribe(LISTENING, note)
  try {
    return await app.listen({ host, port })
  } finally {
    unsubscribe(LISTENING, note)
    app.log.level = level
  }
}

/**
 * Logs the addresses of the gateway and its documentation. Warns when anonymous clients can read the documentation,
 * unless the configuration allows that with `docs.auth: 'none'`.
 * @param notes   further warnings, logged first
 * @param logged  lines that need not be repeated
 * @returns all lines of this start
 */
export function announce(
  app: FastifyInstance,
  address: string,
  notes: readonly string[] = [],
  logged: readonly string[] = [],
): string[] {
  const warnings = [...notes]
  const { docs } = app.config
  if (docs && (docs.auth === undefined || (docs.auth !== 'none' && 'optional' in docs.auth))) {
    warnings.push(
      `the documentation at ${docs.path} is public: set docs.auth to say who may read it ('none' for everybody), or docs: false to switch it off`,
    )
  }
  const ready = `ready on ${address}${docs ? `, documentation on ${address}${docs.path}` : ''}`
  for (const warning of warnings) if (!logged.includes(warning)) app.log.warn(warning)
  if (!logged.includes(ready)) app.log.info(ready)
  flushLog(app)
  return [...warnings, ready]
}

/** Writes the lines that the logger has buffered, when a user is waiting to see one of them. */
export function flushLog(app: FastifyInstance): void {
  const { flush } = app.log as { flush?(): void }
  flush?.call(app.log)
}
