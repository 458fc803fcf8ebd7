import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, extname, join, posix, relative, sep } from 'node:path'
import { keywordMistakes } from '../schema/keyword-mistakes.ts'
import { DocumentCache } from '../openapi/document-cache.ts'
import { documentFiles, loadApiDocument } from '../openapi/load-document.ts'
import type { ApiDocument, FaultMode } from '../schema/types.ts'
import { CommandFailure } from './failure.ts'
import { documentPlace, isUrl, urlFolder } from './given-document.ts'

/** A document and the files that it refers to. */
export interface DocumentCopy {
  document: ApiDocument
  /** File contents by path below the document folder; the document itself comes first. */
  files: Map<string, string>
}

/**
 * Reads a document and all files that it refers to, so that they can be copied. For a document at a URL, these files
 * are fetched as well.
 * @param name    name of the new file, or of the new folder when there are several files
 * @param faults  how faults in the document are handled
 * @throws BootProblems with the faults of the document
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

/** The path of a URL in the form in which references contain it. */
function plainPath(id: string): string {
  const { pathname } = new URL(id)
  try {
    return decodeURIComponent(pathname)
  } catch {
    return pathname
  }
}

/**
 * The target paths of the files. A single file gets the given name. Several files keep their relative paths, in a
 * folder with that name.
 */
function placed(texts: Texts['texts'], name: string): Map<string, string> {
  const [[root, text]] = texts as [[string, string]]
  const own = basename(root)
  // a document that refers to itself by file name keeps that name
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
