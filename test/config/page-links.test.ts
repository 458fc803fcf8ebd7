import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A page without its code blocks, which hold no links. */
const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8').replaceAll(/^ *```[^]*?^ *```/gm, '')

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

/** What is wrong with a link of a page; null when it leads somewhere. */
function mistake(page: string, link: string): string | null {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : normalize(join(dirname(page), path))
  if (!existsSync(join(ROOT, target))) return `${page}: ${link} leads to no file`
  if (anchor === undefined || !target.endsWith('.md') || anchorsOf(target).includes(anchor)) return null
  return `${page}: ${link} leads to no heading`
}

test('each link of the pages leads to a file and a heading that exist', () => {
  const pages = ['*.md', 'docs/*.md', 'routes/*.md'].flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
  const links = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link]) => link!)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => ({ page, link })),
  )
  assert.ok(links.length > 100, `only ${links.length} links were found`)
  assert.deepEqual(
    links.map(({ page, link }) => mistake(page, link)).filter((text) => text !== null),
    [],
  )
})
