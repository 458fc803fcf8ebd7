import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { signToken } from '../src/auth/jwt/dev-token.ts'
import type { JwtSettings } from '../src/auth/jwt/jwt-schema.ts'
import type { Launch } from './child-process.ts'
import { documentSubjects } from './document-subjects.ts'
import gatewayConfig from './gateway.config.ts'
import { caddyProxy, haproxyProxy, nginxCache, nginxProxy, type Place, varnishCache } from './native-proxies.ts'
import { LARGE_PATH, MEDIUM_PATH } from './payload.ts'
import { findProgram } from './programs.ts'

/** One row of the table: a server and what is asked of it. */
export interface Subject {
  name: string
  /** What the row says. */
  label: string
  /**
   * `small`: 173 bytes of JSON; `paced`: the same at half load; `stream`: 1 MiB; `hit`: 173 bytes from a cache;
   * `medium`: 32 KiB from a cache.
   */
  group: 'small' | 'paced' | 'stream' | 'hit' | 'medium'
  path: string
  /** Headers of the requests, taken in turn. */
  headers: readonly Record<string, string>[]
  /** Sent with the method POST; without one the method is GET. */
  body?: string
  /** How to start the server; null when its program is not installed. */
  launch: ((place: Place) => Launch) | null
  /** What to install, when `launch` is null. */
  missing?: string
  /** Requests that must be answered so, which shows that the policies are in force. */
  proofs?: readonly { path: string; headers: Record<string, string>; body?: string; status: number }[]
  /** Measured only when it is named with `--only`. */
  optional?: boolean
  /** Whether it is a gateway with `bench/gateway.config.ts`, which another tree has as well. */
  isGateway?: boolean
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** This tree. */
export const TREE = file('..')

/** @param nodeArguments  arguments of Node itself, such as `--cpu-prof` */
export type NodeArguments = readonly string[]

const script =
  (name: string, nodeArguments: NodeArguments) =>
  ({ port, backend }: Place): Launch => ({
    command: process.execPath,
    args: [...nodeArguments, file(`servers/${name}.ts`)],
    env: { PORT: String(port), BENCH_BACKEND: `http://${backend}` },
  })

interface GatewayOptions {
  nodeArguments: NodeArguments
  /** Where the gateway's code and `bench/` are. */
  tree: string
  /** Whether the access log is on. */
  access?: boolean
  config?: string
}

/** The gateway as a user starts it. */
const gatewayOf =
  ({ nodeArguments, tree, access = false, config = join(tree, 'bench/gateway.config.ts') }: GatewayOptions) =>
  ({ port, backend, folder }: Place): Launch => ({
    command: process.execPath,
    args: [...nodeArguments, join(tree, 'bin/gatehouse.js'), 'start', '--config', config, '--port', String(port)],
    env: { BENCH_BACKEND: `http://${backend}`, GATEHOUSE_LOG_ACCESS: String(access), GATEHOUSE_LOG_FORMAT: 'json' },
    output: join(folder, 'gateway.log'),
  })

const native = (
  program: string,
  launch: (command: string, place: Place) => Launch,
): Pick<Subject, 'launch' | 'missing'> => {
  const command = findProgram(program)
  return command === null
    ? { launch: null, missing: program === 'varnishd' ? 'varnish' : program }
    : { launch: (place) => launch(command, place) }
}

const bearer = (sub: string, scopes = ['items:read']): Record<string, string> => ({
  authorization: `Bearer ${signToken(gatewayConfig.jwt as JwtSettings, { sub, scopes, expiresIn: '1 day' })}`,
})

/**
 * Everything that is measured, in the order of the table.
 * @param tree  the gateway's: this one, or a worktree of another commit
 */
export function allSubjects(nodeArguments: NodeArguments = [], tree = TREE): Subject[] {
  const gateway = (
    path: string,
    options: Pick<GatewayOptions, 'access'> = {},
  ): Pick<Subject, 'path' | 'headers' | 'launch' | 'isGateway'> => ({
    path,
    headers: [{}],
    launch: gatewayOf({ nodeArguments, tree, ...options }),
    isGateway: true,
  })
  const token = bearer('consumer-1')
  const proofs = [
    { path: '/full/items/42?limit=20', headers: {}, status: 401 },
    { path: '/full/items/42?limit=20', headers: bearer('consumer-1', []), status: 403 },
    { path: '/full/items/42?limit=2000', headers: token, status: 400 },
    { path: '/full/items/none', headers: token, status: 400 },
  ]
  const fullPath = '/full/items/42?limit=20'
  const full = { headers: [token], proofs }
  const plain = { path: '/items/42?limit=20', headers: [{}] }
  const nginx = native('nginx', nginxProxy)
  const haproxy = native('haproxy', haproxyProxy)
  const caddy = native('caddy', caddyProxy)
  const small: Omit<Subject, 'group'>[] = [
    {
      name: 'bare',
      label: 'bare node:http + undici dispatch',
      ...plain,
      launch: script('bare-dispatch', nodeArguments),
    },
    { name: 'gateway-open', label: 'gateway, open route', ...gateway('/open/items/42?limit=20') },
    { name: 'gateway-full', label: 'gateway, JWT + limit + schema', ...gateway(fullPath), ...full },
    { name: 'gateway-log', label: 'gateway, the same + access log', ...gateway(fullPath, { access: true }), ...full },
    {
      name: 'gateway-many',
      label: 'gateway, JWT + limit + schema, 1000 consumers',
      ...gateway(fullPath),
      proofs,
      optional: true,
      headers: Array.from({ length: 1000 }, (_, i) => bearer(`consumer-${i}`)),
    },
    { name: 'gateway-pass', label: 'gateway, pass-through path', ...gateway('/open/else/42?limit=20'), optional: true },
    {
      name: 'stock',
      label: '@fastify/http-proxy as it comes',
      ...plain,
      launch: script('stock-http-proxy', nodeArguments),
    },
    { name: 'hpm', label: 'http-proxy-middleware', ...plain, launch: script('http-proxy-middleware', nodeArguments) },
    { name: 'nginx', label: 'nginx', ...plain, ...nginx },
    { name: 'haproxy', label: 'HAProxy', ...plain, ...haproxy },
    { name: 'caddy', label: 'Caddy', ...plain, ...caddy },
  ]
  const paced: Omit<Subject, 'group'>[] = [
    {
      name: 'paced-bare',
      label: 'bare node:http + undici dispatch',
      ...plain,
      launch: script('bare-dispatch', nodeArguments),
    },
    { name: 'paced-gateway', label: 'gateway, JWT + limit + schema', ...gateway(fullPath), ...full },
  ]
  const large = { path: LARGE_PATH, headers: [{}] }
  const stream: Omit<Subject, 'group'>[] = [
    { name: 'stream-pipe', label: 'bare node:http + pipe', ...large, launch: script('bare-pipe', nodeArguments) },
    { name: 'stream-gateway', label: 'gateway, open route', ...gateway(`/open${LARGE_PATH}`) },
    {
      name: 'stream-stock',
      label: '@fastify/http-proxy as it comes',
      ...large,
      launch: script('stock-http-proxy', nodeArguments),
    },
    {
      name: 'stream-hpm',
      label: 'http-proxy-middleware',
      ...large,
      launch: script('http-proxy-middleware', nodeArguments),
    },
    { name: 'stream-nginx', label: 'nginx', ...large, ...nginx },
    { name: 'stream-haproxy', label: 'HAProxy', ...large, ...haproxy },
    { name: 'stream-caddy', label: 'Caddy', ...large, ...caddy },
  ]
  const [nginxHit, varnish] = [native('nginx', nginxCache), native('varnishd', varnishCache)]
  const guardedPath = '/cached/guarded/items/42?limit=20'
  const guarded = { headers: [token], proofs: [{ path: guardedPath, headers: {}, status: 401 }] }
  const hit: Omit<Subject, 'group'>[] = [
    { name: 'hit-gateway', label: 'gateway, open route', ...gateway('/cached/items/42?limit=20') },
    { name: 'hit-gateway-jwt', label: 'gateway, JWT + limit', ...gateway(guardedPath), ...guarded },
    { name: 'hit-bare', label: 'bare node:http, a constant', ...plain, launch: script('bare-constant', nodeArguments) },
    { name: 'hit-fastify', label: 'bare Fastify, a constant', ...plain, launch: script('bare-fastify', nodeArguments) },
    { name: 'hit-nginx', label: 'nginx proxy_cache', ...plain, ...nginxHit },
    { name: 'hit-varnish', label: 'Varnish', ...plain, ...varnish },
  ]
  const medium: Omit<Subject, 'group'>[] = [
    { name: 'medium-gateway', label: 'gateway, open route', ...gateway(`/cached${MEDIUM_PATH}`) },
    { name: 'medium-nginx', label: 'nginx proxy_cache', path: MEDIUM_PATH, headers: [{}], ...nginxHit },
    { name: 'medium-varnish', label: 'Varnish', path: MEDIUM_PATH, headers: [{}], ...varnish },
  ]
  return [
    ...hit.map((subject) => ({ ...subject, group: 'hit' as const })),
    ...medium.map((subject) => ({ ...subject, group: 'medium' as const })),
    ...small.map((subject) => ({ ...subject, group: 'small' as const })),
    ...documentSubjects((place, config) => gatewayOf({ nodeArguments, tree, config })(place)),
    ...paced.map((subject) => ({ ...subject, group: 'paced' as const })),
    ...stream.map((subject) => ({ ...subject, group: 'stream' as const })),
  ]
}
