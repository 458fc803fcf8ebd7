/** What route files inherit from the gateway. */
export interface RouteDefaults {
  /** Whether the gateway states an `auth` for all upstreams. */
  authInherited: boolean
  /** Folder of the API documents: absolute path. */
  openapi: string
  /** Bytes of a body that are collected where nobody says otherwise; undefined while the configuration is not known. */
  bodyLimit: number | undefined
  /** Names of documents in messages are told from here. */
  baseDir: string
}
