import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { launchBrowser, watchedPage } from './browser.ts'
import { ROOT, startDemo } from './demo-process.ts'
import { SwaggerUi } from './swagger-ui.ts'

// `npm run screenshot`: the picture in the README, of the demo as it is now
const endings: (() => unknown)[] = []
const scope = {
  after: (end: () => unknown) => {
    endings.push(end)
  },
}
const file = join(ROOT, 'docs/images/swagger-ui.png')
try {
  const demo = await startDemo(scope as never)
  const browser = await launchBrowser()
  endings.push(
    () => browser.close(),
    () => demo.stop(),
  )
  const { page } = await watchedPage(browser, demo.url)
  await new SwaggerUi(page).open(demo.docs)
  await mkdir(join(ROOT, 'docs/images'), { recursive: true })
  await page.screenshot({ path: file })
  console.log(`${file}: ${Math.round((await stat(file)).size / 1024)} KiB`)
} finally {
  for (const end of endings.reverse()) await end()
}
