import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before } from 'node:test'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

function executable(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin']
  return folders
    .flatMap((folder) => [join(folder, 'chromium'), join(folder, 'chromium-browser')])
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

const path = executable()
const MISSING = 'there is no chromium on the PATH: install it, for example with "apt-get install chromium"'

/** Why browser tests are left out; false when they run. In CI a missing browser is a failure. */
export const noBrowser: string | false = path === undefined && process.env.CI !== 'true' ? MISSING : false

export async function launchBrowser(): Promise<Browser> {
  if (path === undefined) throw new Error(MISSING)
  return chromium.launch({ executablePath: path, args: ARGS, headless: true, timeout: 120_000 })
}

/** What the tests of a suite share. */
export interface SuiteBrowser {
  readonly browser: Browser
  /** Where a picture goes. `KEEP_PICTURES=1` keeps the folder, and prints it. */
  picture(name: string): string
}

/** One browser for the tests of the suite that calls this. */
export function suiteBrowser(): SuiteBrowser {
  let browser: Browser | undefined
  let pictures: string | undefined
  before(async () => {
    browser = await launchBrowser()
    pictures = await mkdtemp(join(tmpdir(), 'gatehouse-pictures-'))
  })
  after(async () => {
    await browser?.close()
    if (pictures === undefined) return
    if (process.env.KEEP_PICTURES) console.log(`pictures: ${pictures}`)
    else await rm(pictures, { recursive: true, force: true })
  })
  return {
    get browser() {
      return browser!
    },
    picture: (name) => join(pictures!, `${name}.png`),
  }
}

/** A page, and what went wrong in it. */
export interface WatchedPage {
  page: Page
  /** Requests to hosts other than the gateway. */
  foreign: string[]
  /** Errors on the console and exceptions that nobody has caught. */
  errors: string[]
}

/** A phone, which shows a page without a viewport 980 pixels wide. */
export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
  deviceScaleFactor: 2,
}

/** Opens a page that notes every request to another origin and every error. */
export async function watchedPage(
  browser: Browser,
  origin: string,
  viewport = { width: 1280, height: 900 },
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const page = await browser.newPage({ viewport, ...options })
  page.setDefaultTimeout(120_000)
  const foreign: string[] = []
  const errors: string[] = []
  page.on('request', (request) => {
    const url = request.url()
    if (/^(https?|wss?):/.test(url) && new URL(url).host !== new URL(origin).host) foreign.push(url)
  })
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(origin).host) foreign.push(socket.url())
  })
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  page.on('pageerror', (error) => {
    errors.push(String(error))
  })
  return { page, foreign, errors }
}
