import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, extname, join, posix, relative, sep } from 'node:path'
import { keywordMistakes } from '../schema/keyword-mistakes.ts'
import { DocumentCache } from '../openapi/document-cache.ts'
import { documentFiles, loadApiDocument } from '../openapi/load-document.ts'
import type { ApiDocument, FaultMode } from '../schema/types.ts'
import { CommandFailure } from './failure.ts'
import { documentPlace, isUrl, urlFolder } from './given-document.ts'

/** A document with the files that it is made of. */
export interface DocumentCopy {
  document: ApiDocument
  /** Path of each below the folder of documents, the document itself first, to its text. */
  files: Map<string, string>
}

/**
 * Reads a document with all its files, to be copied. Files beside a document of a URL are fetched too.
 * @param name    the file is called so, or the folder when there are several
 * @param faults  what happens to what is wrong with it
 * @throws BootProblems with what is wrong with it
 */
export async function copyDocument(
  reference: string,
  name: (document: ApiDocument) => string,
  faults: FaultMode = 'refuse',
): Promise<DocumentCopy> {
  const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-add-'))
  try {
    const { document, texts } = isUrl(reference)
      ? await fetched(reference, scratch, faults)
      : await local(reference, faults)
    return { document, files: placed(texts, name(document)) }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

type Texts = { document: ApiDocument; texts: [path: string, text: string][] }

async function local(reference: string, faults: FaultMode): Promise<Texts> {
  const { folder, name } = documentPlace(reference)
  const document = await loadApiDocument(name, {
    folder,
    baseDir: process.cwd(),
    schemaMistakes: keywordMistakes,
    faults,
  })
  return {
    document,
    texts: documentFiles(document).map((path) => [path.replaceAll(sep, '/'), readFileSync(path, 'utf8')]),
  }
}

async function fetched(reference: string, scratch: string, faults: FaultMode): Promise<Texts> {
  const document = await loadApiDocument(reference, {
    folder: scratch,
    baseDir: process.cwd(),
    allow: [urlFolder(reference)],
    schemaMistakes: keywordMistakes,
    faults,
  })
  const cache = new DocumentCache(join(scratch, '.cache'))
  const texts: Texts['texts'] = []
  for (const id of documentFiles(document)) {
    texts.push([plainPath(id), (await cache.read(id))!.text])
  }
  return { document, texts }
}

/** The path of a URL as references have it. */
function plainPath(id: string): string {
  const { pathname } = new URL(id)
  try {
    return decodeURIComponent(pathname)
  } catch {
    return pathname
  }
}

/**
 * Where the files go: one alone is called by the name, several keep their names and places in a folder of their own.
 */
function placed(texts: Texts['texts'], name: string): Map<string, string> {
  const [[root, text]] = texts as [[string, string]]
  const own = basename(root)
  // one that names itself in a reference keeps its name
  if (texts.length === 1 && (own === '' || !text.includes(own))) {
    const extension = extname(own).toLowerCase()
    return new Map([
      [
        `${name}${/^\.(?:ya?ml|json)$/.test(extension) ? extension : text.trimStart().startsWith('{') ? '.json' : '.yaml'}`,
        text,
      ],
    ])
  }
  let top = posix.dirname(root)
  while (!texts.every(([path]) => path.startsWith(top === '/' ? '/' : `${top}/`))) top = posix.dirname(top)
  return new Map(
    texts.map(([path, content]) => {
      const below = relative(top, path)
      if (
        below === '' ||
        below.includes('\\') ||
        below.split('/').some((part) => part === '..' || part.startsWith('.'))
      ) {
        throw new CommandFailure(
          `${JSON.stringify(path)} cannot be copied: its name has a dot in front, or leads elsewhere`,
        )
      }
      return [`${name}/${below}`, content]
    }),
  )
}
