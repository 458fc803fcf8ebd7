import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { signToken } from '../src/auth/jwt/dev-token.ts'
import { CommandFailure, failureLines } from '../src/cli/failure.ts'
import type { Config } from '../src/config/config-schema.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { ignoreHangup, NO_RELOAD, NO_RELOAD_NEEDED } from '../src/listener/process-signals.ts'
import { freePort, type RunningGateway, startGateway, startWatchedGateway } from './gateway.ts'
import { start as startCatalog } from './catalog.ts'
import { start as startLive } from './live.ts'
import { start as startOrders } from './orders.ts'
import { demoPages } from './pages.ts'
import { demoSecret } from './secret.ts'
import type { Service } from './service.ts'
import { start as startUsers } from './users.ts'
import { welcome } from './welcome.ts'

// inventory is not there yet: it is the upstream that routes/README.md tells how to add
const READ = ['orders:read', 'users:read', 'live:read', 'catalog:read', 'inventory:read']
const WRITE = [...READ, 'orders:write', 'catalog:write', 'inventory:write']
const TOKEN_LIFETIME = '12h'

/** After this many milliseconds the end comes in any case. */
const STOP_BOUND = 10_000

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The services, by the variables in which the sample routes find them. */
const SERVICES: readonly [name: string, start: () => Promise<Service>][] = [
  ['ORDERS_URL', startOrders],
  ['USERS_URL', startUsers],
  ['USERS_CANARY_URL', () => startUsers({}, 'v2')],
  ['LIVE_URL', startLive],
  ['LIVE_2_URL', startLive],
  ['CATALOG_URL', startCatalog],
]

const services: Service[] = []
let gateway: RunningGateway | undefined
let stopping = false
/** Said when a SIGHUP comes. */
let hangup = NO_RELOAD

/** Ends everything; a second Ctrl-C, or npm handing the first one on, changes nothing. */
async function stop(exitCode: number): Promise<void> {
  if (stopping) return
  stopping = true
  setTimeout(() => process.exit(exitCode), STOP_BOUND).unref()
  // together, since a stream of a service ends only when the service does
  await Promise.allSettled([gateway?.close(), ...services.map((service) => service.close())])
  process.exit(exitCode)
}

const USAGE = `Usage: npm run demo -- [options]

Runs the gateway of this folder in front of four sample services.

Options:
  --port <number>  port to listen on (default: that of the configuration, 3000)
  --watch          take over changes without a restart (npm run dev)
  --help           show this
`

function options(): { port?: string; watch: boolean; help: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string' },
        watch: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    return values
  } catch (error) {
    throw new CommandFailure(`${(error as Error).message} (options: --port PORT, --watch, --help)`)
  }
}

async function main(): Promise<void> {
  const { port, watch, help } = options()
  if (help) {
    console.log(USAGE)
    return
  }
  if (watch) hangup = NO_RELOAD_NEEDED
  const env = process.env
  let note: string | undefined
  if (
    !Object.entries(env).some(([name, value]) => value && /^GATEHOUSE_JWT_(SECRET|PUBLIC_KEY|PRIVATE_KEY)/.test(name))
  ) {
    const kept = await demoSecret(ROOT)
    note = kept.note
    env.GATEHOUSE_JWT_SECRET = kept.secret
  }
  Object.assign(env, demoPages(env, ROOT))
  for (const [name, start] of SERVICES) {
    const service = await start()
    services.push(service)
    env[name] = service.url
  }
  const config = await loadConfig({ env, overrides: { port }, cwd: ROOT })
  if (watch) {
    const free = await freePort(config)
    // nothing is started that the stop would not know of
    if (stopping) return
    gateway = startWatchedGateway(config, free)
  } else {
    gateway = await startGateway(config)
  }
  gateway.ended.then(stop)
  if (!(await gateway.ready)) return
  if (note !== undefined) console.error(note)
  console.log(welcome(gateway.url, config, await tokens(config), watch))
  gateway.showLog()
}

async function tokens(config: Config): Promise<{ read: string; write: string }> {
  return {
    read: await signToken(config.jwt!, { sub: 'ada', scopes: READ, expiresIn: TOKEN_LIFETIME }),
    write: await signToken(config.jwt!, { sub: 'grace', scopes: WRITE, expiresIn: TOKEN_LIFETIME }),
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop(0)
  })
}
ignoreHangup(() => console.error(hangup))
main().catch((error: unknown) => {
  if (stopping) return
  for (const line of failureLines(error)) console.error(line)
  stop(1)
})
