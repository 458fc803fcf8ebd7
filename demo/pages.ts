import { findConfigFile } from '../src/config/config-file.ts'

/** Environment variables that switch a page on, by the variables that say something about it already. */
const PAGES: Record<string, [name: string, value: string]> = {
  GATEHOUSE_WELCOME: ['GATEHOUSE_WELCOME_PATH', '/'],
  GATEHOUSE_DOCS: ['GATEHOUSE_DOCS_AUTH', 'none'],
  GATEHOUSE_STATUS: ['GATEHOUSE_STATUS_AUTH', 'none'],
  GATEHOUSE_METRICS: ['GATEHOUSE_METRICS_AUTH', 'none'],
  GATEHOUSE_CACHE_PURGE: ['GATEHOUSE_CACHE_PURGE_AUTH', 'none'],
}
const LOOPBACK = ['127.0.0.1', '::1', 'localhost']

/**
 * What the demo switches on, so that every command can be tried: the welcome page, status, metrics and purging, for
 * everybody on this machine. A configuration file, or a variable about the same page, goes first; a demo that other
 * machines reach gets none.
 * @param folder  where a configuration file would be
 */
export function demoPages(env: NodeJS.ProcessEnv, folder: string): Record<string, string> {
  if (findConfigFile(folder, undefined) !== undefined || !LOOPBACK.includes(env.GATEHOUSE_HOST || '127.0.0.1')) {
    return {}
  }
  const stated = Object.keys(env).filter((name) => env[name])
  const open = Object.entries(PAGES).filter(
    ([section]) => !stated.some((name) => name === section || name.startsWith(`${section}_`)),
  )
  return Object.fromEntries(open.map(([, variable]) => variable))
}
