import { join } from 'node:path'
import { BootProblems } from '../errors.ts'
import { buildDocument } from './document-builder.ts'
import { DocumentCache } from './document-cache.ts'
import type { SchemaMistakes } from './document-rules.ts'
import { digestOf, DocumentSources, isWeb, MAX_BYTES, readBounded, SourceRefused } from './document-sources.ts'
import { TooDeep } from './document-walk.ts'
import { allowedBy, type Fetch, RemoteTexts, type RemoteOptions } from './remote-document.ts'
import type { ApiDocument, FaultMode } from '../schema/types.ts'

/** Where documents are read from, and what they may fetch. */
export interface LoadOptions {
  /** Folder of the documents, absolute. No file outside of it is ever read. Fetched texts are saved in its `.cache`. */
  folder: string
  /** Messages name files relative to this folder. */
  baseDir: string
  /**
   * What a `$ref` may fetch: hosts (`schemas.example.com`, over https) and URL prefixes
   * (`https://example.com/schemas/`). Also needed for references in a document that is itself fetched. Default:
   * nothing.
   */
  allow?: readonly string[]
  /** Finds what the schema compiler would refuse; passed in, since another module compiles schemas. */
  schemaMistakes: SchemaMistakes
  /** What happens to a document with a fault. Default: `refuse`. */
  faults?: FaultMode
  /** Called with a message when a cached copy is used. */
  onWarning?: (message: string) => void
  /** Fetches URLs. Default: the `fetch` of Node. */
  fetch?: Fetch
}

/** The digests of the texts that a document was built from, so that a refresh can see whether one has changed. */
const made = new WeakMap<ApiDocument, ReadonlyMap<string, string>>()

/** Real paths and URLs of the files that a document was built from. */
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
        message: 'is nested too deeply once its files are bundled: make it flatter, with "$ref"',
      },
    ])
  })
  made.set(document, sources.digests)
  return document
}

/**
 * Reads an API document: Swagger 2.0, OpenAPI 3.0 or 3.1, JSON or YAML. Fetched texts are saved on disk, and used when
 * the service is away or has published an invalid document.
 * @param reference  a file name from the folder, or an http(s) URL
 * @throws BootProblems with every mistake in the document, each with file and line
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
    options.onWarning?.(`the fetched document is not valid, and the cached copy is used: ${error.message}`)
    return document
  }
  await remote.keep()
  return document
}

/**
 * Reads a document again when one of its files has changed.
 * @param before  the document from `loadApiDocument` or from this function
 * @returns null when nothing has changed, which costs one conditional request for each URL
 * @throws BootProblems when a file cannot be read or the document is not valid
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
    // a text that cannot be read counts as changed: reading the document then reports it
    const found = await text.catch((error: unknown) => {
      if (!(error instanceof SourceRefused)) throw error
    })
    if (found === undefined || digestOf(found) !== digest) return true
  }
  return false
}
