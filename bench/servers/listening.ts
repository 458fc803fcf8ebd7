import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Port to listen on; 0 lets the system choose. */
export const port: number = Number(process.env.PORT ?? 0)

/** Address of the service behind the server under test, such as `http://127.0.0.1:4001`. */
export const backend: string = process.env.BENCH_BACKEND ?? 'http://127.0.0.1:4001'

/** Says in one line of JSON where the server listens, and ends the process on SIGTERM. */
export function announce(server: Server): void {
  console.log(JSON.stringify({ listening: (server.address() as AddressInfo).port }))
  // an orderly exit, so that a CPU profile is written
  process.on('SIGTERM', () => process.exit(0))
}
