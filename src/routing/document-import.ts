import { BootProblems, type Problem } from '../errors.ts'
import { apiSettings } from '../openapi/api-declaration-schema.ts'
import { loadApiDocument } from '../openapi/load-document.ts'
import { keywordMistakes } from '../schema/keyword-mistakes.ts'
import { milliseconds } from '../units.ts'
import type { UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import { importRoutes, type ImportedApi } from './imported-routes.ts'

/** Reads the API document of an upstream and makes routes from its operations. Reports problems, and does not throw. */
export async function importDocument(
  upstream: UpstreamDeclaration,
  file: string,
  { openapi, baseDir, authInherited, bodyLimit }: RouteDefaults,
): Promise<{ api?: ImportedApi; problems: Problem[] }> {
  const { document: reference, remote, refresh = 0, faults } = apiSettings(upstream.openapi!)
  const load = { folder: openapi, baseDir, allow: remote, schemaMistakes: keywordMistakes, faults }
  const warnings: string[] = []
  try {
    const document = await loadApiDocument(reference, { ...load, onWarning: (message) => warnings.push(message) })
    const {
      routes,
      omitted,
      warnings: left,
      problems,
    } = importRoutes(document, upstream, file, { authStated: authInherited || upstream.auth !== undefined, bodyLimit })
    return {
      api: {
        upstream: upstream.name,
        document,
        reference,
        load,
        interval: milliseconds(refresh),
        warnings: [...warnings, ...left],
        routes,
        omitted,
      },
      problems,
    }
  } catch (error) {
    if (!(error instanceof BootProblems)) throw error
    return { problems: error.problems }
  }
}

/** The settings that route files inherit from the gateway. */
export interface RouteDefaults {
  /** Whether the gateway has an `auth` for all upstreams. */
  authInherited: boolean
  /** Folder of the API documents: absolute path. */
  openapi: string
  /** The gateway's body limit in bytes; undefined while the configuration is unknown. */
  bodyLimit: number | undefined
  /** Messages show the names of documents relative to this folder. */
  baseDir: string
}
