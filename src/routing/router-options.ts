import { headerConstraint } from './header-match.ts'

/** Options of every router in the gateway, so that all of them read a path alike. */
export const ROUTER_OPTIONS = {
  caseSensitive: true,
  ignoreTrailingSlash: false,
  ignoreDuplicateSlashes: false,
  maxParamLength: 4096,
  constraints: { headers: headerConstraint },
}
