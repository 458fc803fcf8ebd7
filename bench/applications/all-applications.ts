import type { Application } from './application.ts'
import { graphql } from './graphql.ts'
import { jsonServer } from './json-server.ts'
import { nodeRed } from './node-red.ts'
import { s3 } from './s3.ts'
import { socketIo } from './socket-io.ts'
import { tus } from './tus.ts'
import { verdaccio } from './verdaccio.ts'
import { vite } from './vite.ts'
import { webdav } from './webdav.ts'

/** What is driven, in this order. Each has a declaration of its name in `docs/applications.md`. */
export const APPLICATIONS: readonly Application[] = [
  jsonServer,
  nodeRed,
  socketIo,
  verdaccio,
  s3,
  vite,
  graphql,
  tus,
  webdav,
]
