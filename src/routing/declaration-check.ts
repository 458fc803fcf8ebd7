import { mistakes } from '../config/schema-check.ts'
import { fieldPath } from '../config/schema-wording.ts'
import type { Problem } from '../errors.ts'
import { type ApiDeclaration, apiSettings } from '../openapi/api-declaration-schema.ts'
import { templateParameters } from '../proxy/upstream-path.ts'
import {
  isObject,
  type RouteDeclaration,
  UpstreamDeclaration,
  type UpstreamInput,
  withLists,
} from '../upstream/declaration-schema.ts'
import { parsePattern, withoutBraces } from './path-pattern.ts'
import { type ValidPart, validPart } from './valid-part.ts'
import { checkTarget } from '../upstream/target-check.ts'
import { targetEntry } from '../upstream/target-schema.ts'
import { pathMistake } from '../upstream/target-settings.ts'
import { checkFailing, checkTraffic } from './traffic-check.ts'

type Say = (field: string, message: string) => void

/** The result of checking a declaration. */
export interface CheckedDeclaration {
  problems: Problem[]
  /** The declaration with its short forms expanded. Use it only when there are no problems. */
  declaration: UpstreamDeclaration
  /** The valid part of the declaration. */
  valid: ValidPart
}

/**
 * Checks a declaration against its schema, and against the rules between several fields. A mistake in one field does
 * not stop the check of the others.
 * @param given          the declaration as written in the file
 * @param authInherited  whether the gateway has an `auth` for all upstreams
 */
export function checkDeclaration(given: unknown, file: string, authInherited: boolean): CheckedDeclaration {
  const wrong = mistakes(UpstreamDeclaration, given)
  const declaration: unknown = withLists(given)
  const problems: Problem[] = wrong.map(({ path, message }) => ({ file, field: fieldPath(path), message }))
  const say: Say = (field, message) => problems.push({ file, field, message })
  const valid = validPart(declaration, wrong)
  const { routes, passThrough = false } = valid
  const authStated = authInherited || valid.statesAuth

  const { targets, mirror } = isObject(given) ? (given as Partial<UpstreamInput>) : {}
  valid.targets.forEach((target, i) => {
    if (target !== undefined) checkTarget(target, fieldOf('targets', targets, i), say)
  })
  if (wrong.length === 0) {
    ;(declaration as UpstreamDeclaration).mirror?.targets.forEach((target, i) =>
      checkTarget(target, fieldOf('mirror.targets', mirror!.targets, i), say),
    )
  }
  if (!wrong.some(({ path }) => path.length === 0 || path[0] === 'targets' || path[0] === 'mock')) checkMock(valid, say)
  checkSplit(declaration, wrong.length === 0, say)
  if (wrong.length === 0) {
    checkQueue(declaration as UpstreamDeclaration, say)
    checkSticky(declaration as UpstreamDeclaration, say)
  }
  checkTraffic(valid, say)
  if (valid.paths === 'as-is') checkAsIs(valid, say)
  if (valid.reachKnown && routes.length === 0 && !passThrough && valid.openapi === undefined) {
    say(
      'routes',
      'the upstream can be reached by no route: declare routes, name a document as openapi, or state passThrough: true',
    )
  }
  if (valid.openapi !== undefined) checkApi(valid.openapi, say)
  else if (valid.requestValidation !== undefined) say('requestValidation', NEEDS_DOCUMENT)
  routes.forEach((route, i) => {
    if (route === undefined) return
    checkRoute(route, `routes[${i}]`, valid.openapi !== undefined, say)
    checkFailing(route, (field, message) => say(`routes[${i}].${field}`, message))
    // a route that replaces an operation may inherit its auth
    if (!authStated && route.auth === undefined && valid.openapi === undefined) say(`routes[${i}].auth`, NO_AUTH)
  })
  if (passThrough && !authStated && (passThrough === true || passThrough.auth === undefined)) {
    say('passThrough.auth', NO_AUTH)
  }
  return { problems, valid, declaration: declaration as UpstreamDeclaration }
}

/** The field of a target: an index in a list, or `targets` itself for a single text. */
const fieldOf = (list: string, given: unknown, i: number): string =>
  typeof given === 'string' ? list : `${list}[${i}]`

/** The message for a missing `auth`. */
export const NO_AUTH =
  "missing: state who may call, here or for the whole upstream: { jwt: { scopes: [...] } }, or 'none' for everybody"

const NEEDS_DOCUMENT = 'has an effect with openapi only: the schemas of a route are always enforced'

/** Only mocked routes need no targets. */
function checkMock(valid: ValidPart, say: Say): void {
  const { mock = false, targets, routes, passThrough = false } = valid
  if (targets.length > 0) return
  const answered = (route: RouteDeclaration | undefined): boolean =>
    route === undefined || route.redirect !== undefined || (route.mock ?? mock) !== false
  const forwarded = routes.findIndex((route) => !answered(route))
  if (mock === false && (forwarded !== -1 || routes.length === 0 || 'openapi' in valid)) {
    say('targets', 'is missing, allowed: list of where the service runs, or mock: true for one that does not exist yet')
  } else if (forwarded !== -1) {
    say(`routes[${forwarded}].mock`, 'found false, and the upstream has no targets: state these, or leave the mock on')
  } else if (passThrough) say('passThrough', 'needs targets: a mock answers declared operations only')
}

/** With `paths: 'as-is'` no setting may depend on the path: only the service knows what it means. */
function checkAsIs(
  { hosts, prefix = '/', passThrough = false, stripPrefix, routes, mock = false, ...valid }: ValidPart,
  say: Say,
): void {
  const alone = "is not for paths: 'as-is', where the path decides nothing: take it away, or leave paths at 'canonical'"
  if (hosts === undefined) {
    say(
      'paths',
      'found "as-is", which is for an upstream that is alone on its hosts: state hosts, on which then neither another upstream answers nor the gateway\'s own paths (/livez, docs)',
    )
  }
  if (prefix !== '/') say('prefix', `found ${JSON.stringify(prefix)}, allowed with paths: 'as-is': "/"`)
  if (stripPrefix) say('stripPrefix', alone)
  if (routes.length > 0) say('routes', alone)
  if (valid.openapi !== undefined) say('openapi', alone)
  if (mock !== false) say('mock', alone)
  valid.targets.forEach((target, i) => {
    const entry = target === undefined ? undefined : targetEntry(target)
    const mistake = entry === undefined || 'file' in entry ? null : pathMistake(entry)
    if (mistake !== null) say(`targets[${i}]`, mistake)
  })
  if (!passThrough) say('passThrough', "is needed with paths: 'as-is': state passThrough: true")
}

/** A queue needs targets with a limit of requests. */
function checkQueue({ queue, targets = [] }: UpstreamDeclaration, say: Say): void {
  const entries = targets.map(targetEntry)
  if (queue && !entries.some((entry) => 'file' in entry || entry.maxConnections !== undefined)) {
    say('queue', 'has an effect only where a target has maxConnections: state these')
  }
}

/** Settings of a document that would have no effect. */
function checkApi(declaration: ApiDeclaration, say: Say): void {
  const { document, security, unsecured, refresh } = apiSettings(declaration)
  if (unsecured !== undefined && security === undefined) {
    say(
      'openapi.unsecured',
      'has an effect with openapi.security only: state which scheme of the document is which of the gateway',
    )
  }
  if (refresh !== undefined && !/^https?:/i.test(document)) {
    say('openapi.refresh', 'has an effect on documents of a URL only: a file is watched by --watch')
  }
}

/** Browsers take a cookie of this name for the whole host alone (RFC 6265bis, section 4.1.3.2). */
function checkSticky({ balance, prefix }: UpstreamDeclaration, say: Say): void {
  const cookie = typeof balance === 'object' ? (balance.sticky?.cookie ?? '') : ''
  if (/^__host-/i.test(cookie) && prefix !== undefined) {
    say(
      'balance.sticky.cookie',
      `found ${JSON.stringify(cookie)}, which browsers refuse for a cookie of the path ${prefix}: take another name`,
    )
  }
}

/** Every version needs targets, and every target a known version. */
function checkSplit(declaration: unknown, isSound: boolean, say: Say): void {
  if (!isSound) return
  const { split, targets = [] } = declaration as UpstreamDeclaration
  const entries = targets.map(targetEntry)
  const versions = entries.map((entry) => ('file' in entry ? undefined : entry.version))
  if (split === undefined) {
    versions.forEach((version, i) => {
      if (version !== undefined) say(`targets[${i}].version`, 'has an effect with split only')
    })
    return
  }
  const known = Object.keys(split.versions)
  const listsMore = entries.some((entry) => 'file' in entry)
  versions.forEach((version, i) => {
    if ('file' in entries[i]!) return
    if (version === undefined || !known.includes(version)) {
      say(
        `targets[${i}].version`,
        `${version === undefined ? 'is missing' : `found "${version}"`}, allowed: one of those in split.versions (${known.join(', ')})`,
      )
    }
  })
  for (const version of known) {
    if (!versions.includes(version) && !listsMore) say(`split.versions.${version}`, 'no target has this version')
  }
  if (!Object.values(split.versions).some(({ weight = 0 }) => weight > 0)) {
    say('split.versions', 'no version has a weight: state one of at least 1 for the requests that no "when" decides')
  }
}

function checkRoute(route: RouteDeclaration, field: string, hasDocument: boolean, say: Say): void {
  const pattern = parsePattern(route.url)
  if (typeof pattern === 'string') {
    say(`${field}.url`, `found "${route.url}": ${pattern}`)
    return
  }
  const { parameters } = pattern
  const twice = parameters.find((name, i) => parameters.indexOf(name) !== i)
  if (twice !== undefined) {
    say(`${field}.url`, `found "${route.url}", which has the parameter "${twice}" twice: give each a name of its own`)
  }
  for (const [name, template] of Object.entries({
    url: route.url,
    rewritePath: route.rewritePath,
    'redirect.to': route.redirect?.to,
  })) {
    const meant = withoutBraces(template ?? '', parameters)
    if (meant !== (template ?? '')) {
      say(`${field}.${name}`, `found "${template}", where braces are taken as they are: did you mean "${meant}"?`)
    }
  }
  const templates = {
    rewritePath: route.rewritePath,
    'redirect.to': route.redirect?.to.replace(/^https?:\/\/[^/]*/, ''),
  }
  for (const [name, template] of Object.entries(templates)) {
    for (const parameter of template === undefined ? [] : templateParameters(template)) {
      if (!pattern.parameters.includes(parameter)) {
        say(
          `${field}.${name}`,
          `uses the parameter "${parameter}", which "${route.url}" does not have (it has ${pattern.parameters.join(', ') || 'none'})`,
        )
      }
    }
  }
  const methods = [route.method].flat()
  const { schema = {} } = route
  if (route.websocket && !methods.includes('GET')) {
    say(`${field}.websocket`, 'a WebSocket begins with GET: add it to the methods')
  }
  if (schema.body && methods.some((method) => method === 'GET' || method === 'HEAD')) {
    say(`${field}.schema.body`, 'GET and HEAD have no body to validate: use another method, QUERY for example')
  }
  if (route.requestValidation !== undefined && !hasDocument) say(`${field}.requestValidation`, NEEDS_DOCUMENT)
  if (schema.consumes && !schema.body) say(`${field}.schema.consumes`, 'has an effect with schema.body only')
  if ((route.responseValidation ?? 'off') !== 'off' && !schema.response && !hasDocument) {
    say(`${field}.responseValidation`, 'needs schema.response')
  }
}
