import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePort, runProgram } from '../child-process.ts'
import { LOAD_CORE } from '../programs.ts'
import type { Application, Drive } from './application.ts'
import { npmEnvironment } from './installation.ts'

// no registry behind it: what is installed has been published here
const CONFIGURATION = `
storage: ./storage
auth: { htpasswd: { file: ./htpasswd, max_users: 10 } }
packages: { '**': { access: $all, publish: $authenticated } }
log: { type: stdout, level: warn }
`
const NPM_MS = 120_000
const NAMES = ['boxes', '@ada/boxes']

interface Packument {
  versions: Record<string, { dist: { tarball: string } }>
}
interface LockFile {
  packages: Record<string, { resolved: string }>
}

/** Runs npm in a folder of its own, against the gateway. */
function npm(drive: Drive, ...args: string[]): Promise<string> {
  const { folder } = drive.workshop
  const names = pathToFileURL(join(import.meta.dirname, 'loopback-names.ts')).href
  const env = {
    ...npmEnvironment,
    NODE_OPTIONS: `--import=${names}`,
    npm_config_userconfig: join(folder, '.npmrc'),
    npm_config_cache: join(folder, 'cache'),
    npm_config_registry: `${drive.url}/`,
    npm_config_fetch_retries: '0',
    npm_config_audit: 'false',
    npm_config_update_notifier: 'false',
    npm_config_omit_lockfile_registry_resolved: 'false',
  }
  return runProgram({ command: 'npm', args, env }, LOAD_CORE, NPM_MS)
}

export const verdaccio: Application = {
  name: 'verdaccio',
  packages: { verdaccio: '6.10.4' },

  async start(workshop) {
    const port = await freePort()
    const configuration = join(workshop.folder, 'config.yaml')
    writeFileSync(configuration, CONFIGURATION)
    const program = workshop.file('verdaccio', 'bin', 'verdaccio')
    await workshop.serve([program, '--config', configuration, '--listen', `127.0.0.1:${port}`], port)
    return [port]
  },

  async drive(drive) {
    const {
      url,
      workshop: { folder },
    } = drive
    const signIn = (token: string): void => {
      writeFileSync(join(folder, '.npmrc'), `${url.replace('http:', '')}/:_authToken=${token}\n`)
    }
    let token = ''

    await drive.step('web page', async () => {
      const page = await fetch(`${url}/`)
      assert.equal(page.status, 200)
      const scripts = [...(await page.text()).matchAll(/src="([^"]+\.js)"/g)].map(([, source]) => source!)
      assert.ok(scripts.length > 0, 'the page has no script')
      for (const script of scripts) {
        assert.ok(script.startsWith(`${url}/`), `the page names ${script}`)
        assert.equal((await fetch(script)).status, 200, script)
      }
    })
    await drive.step('publish with a wrong token is refused', async () => {
      signIn('bm90IGEgdG9rZW4=')
      pack(drive, 'boxes')
      await assert.rejects(npm(drive, 'publish', join(folder, 'boxes')), /E40[13]/)
    })
    await drive.step('npm adduser', async () => {
      const response = await fetch(`${url}/-/user/org.couchdb.user:ada`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'ada', password: 'a password of the trial' }),
      })
      assert.equal(response.status, 201)
      token = ((await response.json()) as { token: string }).token
      signIn(token)
      assert.equal((await npm(drive, 'whoami')).trim(), 'ada')
    })
    for (const name of NAMES) {
      await drive.step(`npm publish ${name}`, async () => {
        pack(drive, name)
        await npm(drive, 'publish', join(folder, name))
      })
    }
    await drive.step('tarballs are at the gateway', async () => {
      for (const name of NAMES) {
        const response = await fetch(`${url}/${name.replace('/', '%2f')}`)
        const { versions } = (await response.json()) as Packument
        assert.equal(versions['1.0.0']!.dist.tarball, `${url}/${name}/-/boxes-1.0.0.tgz`)
      }
    })
    await drive.step('npm install of both', async () => {
      const buyer = join(folder, 'buyer')
      mkdirSync(buyer, { recursive: true })
      writeFileSync(join(buyer, 'package.json'), '{"private":true}')
      await npm(drive, 'install', '--prefix', buyer, ...NAMES)
      for (const name of NAMES) {
        const installed = readFileSync(join(buyer, 'node_modules', name, 'index.js'), 'utf8')
        assert.equal(installed, `module.exports = '${name}'\n`)
      }
      const { packages } = JSON.parse(readFileSync(join(buyer, 'package-lock.json'), 'utf8')) as LockFile
      const { resolved } = packages['node_modules/@ada/boxes']!
      assert.equal(resolved, `${url}/@ada/boxes/-/boxes-1.0.0.tgz`)
    })
  },
}

function pack({ workshop: { folder } }: Drive, name: string): void {
  mkdirSync(join(folder, name), { recursive: true })
  const manifest = { name, version: '1.0.0', main: 'index.js', license: 'MIT' }
  writeFileSync(join(folder, name, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, name, 'index.js'), `module.exports = '${name}'\n`)
}
