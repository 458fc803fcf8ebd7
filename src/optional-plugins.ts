import type { Config } from './config/config-schema.ts'
import type { RouteFile } from './routing/route-files.ts'

/** What decides which plugins have something to do: the configuration and the files of `routes/`. */
export interface GatewayParts {
  config: Config
  files: readonly RouteFile[]
}

/** Options that a declaration, one of its routes and, for most of them, the whole configuration may state. */
type RouteOption = 'clientCache' | 'compress' | 'cors' | 'securityHeaders' | 'openapi'

const isOn = (value: unknown): boolean => value !== undefined && value !== false

/**
 * Whether a file states an option: itself, on one of its routes, or on an operation of its document
 * (`x-gatehouse-...`). A plugin written by hand may state any on its routes.
 */
const fileStates = (file: RouteFile, option: RouteOption): boolean =>
  'declaration' in file
    ? [
        file.declaration,
        ...(file.declaration.routes ?? []),
        ...(file.api?.routes.map(({ declaration }) => declaration) ?? []),
      ].some((part: Partial<Record<RouteOption, unknown>>) => isOn(part[option]))
    : 'plugin' in file

const someRoute =
  (option: RouteOption) =>
  ({ files }: GatewayParts): boolean =>
    files.some((file) => fileStates(file, option))
/** The same for an option that routes inherit from the configuration. */
const inherited =
  (option: 'compress' | 'cors' | 'securityHeaders') =>
  (parts: GatewayParts): boolean =>
    isOn(parts.config[option]) || someRoute(option)(parts)

/**
 * When a plugin is needed, by its path below `plugins/`. A plugin that is not needed is not imported, nor are the
 * packages that only it uses: they would cost memory and time at every start. Plugins that are not listed are always
 * needed.
 */
const NEEDED: Record<string, (parts: GatewayParts) => boolean> = {
  'observe/drift': ({ config }) => isOn(config.status),
  'auth/api-key': ({ config }) => isOn(config.apiKeys),
  'auth/basic': ({ config }) => isOn(config.basic),
  'auth/client-certificate': ({ config }) => isOn(config.clientCertificates),
  'auth/forward-auth': ({ config }) => isOn(config.forwardAuth),
  'auth/http-signature': ({ config }) => isOn(config.signatures),
  'auth/introspection': ({ config }) => isOn(config.introspection),
  'auth/jwt': ({ config }) => isOn(config.jwt),
  'auth/login': ({ config }) => isOn(config.login),
  'contract/operation-validation': someRoute('openapi'),
  'response/client-cache': someRoute('clientCache'),
  'response/compression': inherited('compress'),
  'response/cors': inherited('cors'),
  'response/security-headers': inherited('securityHeaders'),
  'response/shared-cache': ({ config }) => isOn(config.cache.redis),
  'admin/cache-purge': ({ config }) => isOn(config.cache.purge),
  'admin/login-callback': ({ config }) => isOn(config.login),
  'admin/metrics-endpoint': ({ config }) => isOn(config.metrics),
  'admin/status': ({ config }) => isOn(config.status),
  'fallback/welcome': ({ config }) => isOn(config.welcome),
}

/**
 * The plugins of a folder that this gateway does not need.
 * @param folder  of `plugins/`
 * @returns a pattern for their file names; undefined when every plugin is needed
 */
export function unneededPlugins(folder: string, parts: GatewayParts): RegExp | undefined {
  const names = Object.entries(NEEDED)
    .filter(([path, isNeeded]) => path.startsWith(`${folder}/`) && !isNeeded(parts))
    .map(([path]) => path.slice(folder.length + 1))
  return names.length === 0 ? undefined : new RegExp(`^(?:${names.join('|')})\\.ts$`)
}
