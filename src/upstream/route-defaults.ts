/** What route files inherit from the gateway. */
export interface RouteDefaults {
  /** Whether the gateway states an `auth` for all upstreams. */
  authInherited: boolean
  /** Folder of the API documents: absolute path. */
  openapi: string
  /** Names of documents in messages are told from here. */
  baseDir: string
}
