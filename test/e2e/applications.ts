import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Scope, startProgram } from './demo-process.ts'
import { closedPort } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'

const PACKAGES = ['json-server@0.17', 'node-red@4', 'socket.io@4', 'socket.io-client@4', 'ws@8']

/** Kept between runs. */
const FOLDER = join(tmpdir(), 'gatehouse-applications')

/**
 * Installs the applications that others have written.
 * @returns why it was not possible; false when they are there. In CI it is a failure.
 */
export async function installApplications(): Promise<string | false> {
  const marker = join(FOLDER, 'installed')
  const wanted = PACKAGES.join(' ')
  if ((await readFile(marker, 'utf8').catch(() => '')) === wanted) return false
  await mkdir(FOLDER, { recursive: true })
  try {
    await promisify(execFile)('npm', [
      'install',
      '--prefix',
      FOLDER,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--fetch-retries=1',
      ...PACKAGES,
    ])
    await writeFile(marker, wanted)
    return false
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string }
    const reason = `npm could not install ${wanted}: ${/^npm error (?!code|errno)(.*)$/m.exec(stderr)?.[1] ?? (error as Error).message}`
    if (process.env.CI === 'true') throw new Error(reason)
    return reason
  }
}

/** What an installed package exports. */
export const application = <T>(name: string): T => createRequire(join(FOLDER, 'package.json'))(name)

/** A folder for the time of a test. */
export async function temporaryFolder(scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-application-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Starts a program of an installed package with the port that `args` is given, and waits until it answers. */
async function startApplication(scope: Scope, args: (port: number) => string[], path: string): Promise<string> {
  const port = await closedPort()
  const program = startProgram(scope, process.execPath, args(port))
  const url = `http://127.0.0.1:${port}`
  const failed = program.exit.then((code) => {
    throw new Error(`it ended with ${code}: ${program.stdout()}${program.stderr()}`)
  })
  await Promise.race([failed, eventually('the application answers', async () => (await fetch(url + path)).ok)])
  return url
}

/** `json-server`, with three posts. */
export async function startJsonServer(scope: Scope): Promise<string> {
  const database = join(await temporaryFolder(scope), 'db.json')
  await writeFile(database, JSON.stringify({ posts: [1, 2, 3].map((id) => ({ id, title: `Post ${id}` })) }))
  return startApplication(
    scope,
    (port) => [
      join(FOLDER, 'node_modules/json-server/lib/cli/bin.js'),
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      database,
    ],
    '/posts',
  )
}

/** Node-RED with its editor, as it comes. */
export async function startNodeRed(scope: Scope): Promise<string> {
  const folder = await temporaryFolder(scope)
  // it would else ask whoever opens the editor whether it may report home, and show a tour
  await writeFile(
    join(folder, 'settings.js'),
    `module.exports = {
    uiHost: '127.0.0.1', flowFile: 'flows.json', credentialSecret: false,
    telemetry: { enabled: false }, editorTheme: { tours: false, palette: { catalogues: [] } }
  }`,
  )
  return startApplication(
    scope,
    (port) => [
      join(FOLDER, 'node_modules/node-red/red.js'),
      '--userDir',
      folder,
      '--settings',
      join(folder, 'settings.js'),
      '--port',
      String(port),
    ],
    '/settings',
  )
}

const CHAT = `
const { Server } = require('socket.io')
const http = require('node:http').createServer((request, response) => response.end('chat'))
const io = new Server(http)
io.on('connection', (socket) => {
  socket.on('chat message', (text, done) => {
    io.emit('chat message', text)
    done?.(socket.conn.transport.name)
  })
  socket.on('file', (bytes, done) => done(bytes.length))
})
http.listen(Number(process.argv[2]), '127.0.0.1')
`

/** The chat server of the Socket.IO tutorial. */
export async function startChat(scope: Scope): Promise<string> {
  const file = join(FOLDER, 'chat.cjs')
  await writeFile(file, CHAT)
  return startApplication(scope, (port) => [file, String(port)], '/')
}
