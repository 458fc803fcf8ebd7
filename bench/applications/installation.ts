import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { runProgram } from '../child-process.ts'
import { LOAD_CORE } from '../programs.ts'
import type { Application } from './application.ts'

const INSTALL_MS = 10 * 60_000

/** npm runs with this Node, whatever other one is installed. */
export const npmEnvironment = {
  PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
  NODE_ENV: '',
}

/** Installs what the applications need, unless the folder has just that already. */
export async function install(folder: string, applications: readonly Application[]): Promise<void> {
  const dependencies = Object.fromEntries(applications.flatMap(({ packages }) => Object.entries(packages)).sort())
  // verdaccio asks for the tag `cjs`, which not every registry has
  const manifest = JSON.stringify({ private: true, dependencies, overrides: { 'node-fetch': '2.7.0' } }, null, 2)
  const path = join(folder, 'package.json')
  const done = join(folder, 'node_modules', '.package-lock.json')
  if (existsSync(done) && existsSync(path) && readFileSync(path, 'utf8') === manifest) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, manifest)
  process.stderr.write(`Installing ${Object.keys(dependencies).length} packages ...\n`)
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error']
  const args = ['install', '--prefix', folder, '--prefer-offline', ...quiet]
  await runProgram({ command: 'npm', args, env: npmEnvironment }, LOAD_CORE, INSTALL_MS)
}
