import { join } from 'node:path'
import { BootProblems } from '../errors.ts'
import { buildDocument } from './document-builder.ts'
import { DocumentCache } from './document-cache.ts'
import type { SchemaMistakes } from './document-rules.ts'
import { digestOf, DocumentSources, isWeb, MAX_BYTES, readBounded, SourceRefused } from './document-sources.ts'
import { TooDeep } from './document-walk.ts'
import { allowedBy, type Fetch, RemoteTexts, type RemoteOptions } from './remote-document.ts'
import type { ApiDocument, FaultMode } from '../schema/types.ts'

/** Where documents are looked for, and what they may reach. */
export interface LoadOptions {
  /** Folder of the documents, absolute. No file outside of it is ever read. What is fetched is kept in its `.cache`. */
  folder: string
  /** Names of files in messages are told from here. */
  baseDir: string
  /**
   * What a `$ref` may fetch: hosts (`schemas.example.com`, over https) and starts of URLs
   * (`https://example.com/schemas/`). References of a document that is itself fetched need it too. Default: nothing.
   */
  allow?: readonly string[]
  /** What the compiler of schemas would refuse: another module compiles them. */
  schemaMistakes: SchemaMistakes
  /** What happens to a document with a fault. Default: `refuse`. */
  faults?: FaultMode
  /** Told, in words, when a copy that was fetched before is used. Default: nobody is. */
  onWarning?: (message: string) => void
  /** What asks for URLs. Default: the `fetch` of Node. */
  fetch?: Fetch
}

/** What documents were made from, so that a refresh can tell whether there is anything new. */
const made = new WeakMap<ApiDocument, ReadonlyMap<string, string>>()

/** Real paths and URLs of all that a document was made from. */
export const documentFiles = (document: ApiDocument): string[] => [...(made.get(document)?.keys() ?? [])]

function remoteTexts(
  { folder, allow = [], onWarning = () => {}, fetch = globalThis.fetch as Fetch }: LoadOptions,
  fallback: RemoteOptions['fallback'],
): RemoteTexts {
  return new RemoteTexts({
    cache: new DocumentCache(join(folder, '.cache')),
    fetch,
    isAllowed: allowedBy(allow),
    fallback,
    onWarning,
  })
}

async function loadFrom(
  remote: RemoteTexts,
  reference: string,
  { folder, baseDir, allow = [], schemaMistakes, faults = 'refuse' }: LoadOptions,
): Promise<ApiDocument> {
  const sources = new DocumentSources({
    folder,
    baseDir,
    isAllowed: allowedBy(allow),
    fetchText: (url, maxBytes, isNamed) => remote.text(url, maxBytes, isNamed),
  })
  const source = await sources.root(reference).catch((error: unknown) => {
    if (!(error instanceof SourceRefused)) throw error
    throw new BootProblems([
      {
        file: isWeb(reference) ? reference.replace(/[?#].*$|(?<=\/\/)[^/]*@/g, '') : reference,
        field: '',
        message: error.message,
      },
    ])
  })
  const document = await buildDocument(source, sources, schemaMistakes, faults).catch((error: unknown) => {
    if (!(error instanceof TooDeep)) throw error
    throw new BootProblems([
      {
        file: source.name,
        field: '',
        message: 'is nested too deeply once its files are put together: make it flatter, with "$ref"',
      },
    ])
  })
  made.set(document, sources.digests)
  return document
}

/**
 * Reads an API document: Swagger 2.0, OpenAPI 3.0 or 3.1, JSON or YAML. What comes from URLs is kept on disk, and used
 * when the service is away or has published something that is not good.
 * @param reference  a file name from the folder, or an http(s) URL
 * @throws BootProblems with everything that is wrong with it, each with file and line
 */
export async function loadApiDocument(reference: string, options: LoadOptions): Promise<ApiDocument> {
  const remote = remoteTexts(options, 'away')
  let document: ApiDocument
  try {
    document = await loadFrom(remote, reference, options)
  } catch (error) {
    if (!(error instanceof BootProblems) || !remote.isFresh) throw error
    document = await loadFrom(remoteTexts(options, 'only'), reference, options).catch(() => {
      throw error
    })
    options.onWarning?.(`what was fetched is not good, and what was fetched before is used: ${error.message}`)
    return document
  }
  await remote.keep()
  return document
}

/**
 * Reads a document again when anything of it has changed.
 * @param before  what `loadApiDocument` or this has given
 * @returns null when nothing has changed, which costs one conditional request for each URL
 * @throws BootProblems when something cannot be read, or is not good
 */
export async function refreshApiDocument(
  reference: string,
  options: LoadOptions,
  before: ApiDocument,
): Promise<ApiDocument | null> {
  const remote = remoteTexts(options, 'never')
  if (!(await hasChanged(remote, made.get(before), isWeb(reference)))) return null
  const document = await loadFrom(remote, reference, options)
  await remote.keep()
  return document
}

async function hasChanged(
  remote: RemoteTexts,
  digests: ReadonlyMap<string, string> | undefined,
  startsRemote: boolean,
): Promise<boolean> {
  if (!digests) return true
  let isRoot = true
  for (const [id, digest] of digests) {
    const text = isWeb(id) ? remote.text(new URL(id), MAX_BYTES, isRoot && startsRemote) : readBounded(id, MAX_BYTES)
    isRoot = false
    // whoever reads all of it tells of what cannot be read, and where it is asked for
    const found = await text.catch((error: unknown) => {
      if (!(error instanceof SourceRefused)) throw error
    })
    if (found === undefined || digestOf(found) !== digest) return true
  }
  return false
}
