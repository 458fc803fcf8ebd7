import type { Problem } from '../errors.ts'
import { templateParameters } from '../proxy/path-template.ts'
import type { RouteDeclaration, UpstreamDeclaration } from './declaration-schema.ts'
import { parsePattern } from './path-pattern.ts'

type Say = (field: string, message: string) => void

/**
 * What a declaration must keep beyond its schema: rules that tie several fields together.
 * @param authInherited  whether the gateway states an `auth` for all upstreams
 */
export function checkDeclaration (declaration: UpstreamDeclaration, file: string, authInherited: boolean): Problem[] {
  const problems: Problem[] = []
  const say: Say = (field, message) => problems.push({ file, field, message })
  const { routes = [], passThrough = false } = declaration
  const authStated = authInherited || declaration.auth !== undefined

  declaration.targets.forEach((target, i) => checkTarget(target, `targets[${i}]`, say))
  if (routes.length === 0 && !passThrough) {
    say('routes', 'the upstream can be reached by no route: declare routes, or state passThrough: true')
  }
  routes.forEach((route, i) => {
    checkRoute(route, `routes[${i}]`, say)
    if (!authStated && route.auth === undefined) say(`routes[${i}].auth`, NO_AUTH)
  })
  if (passThrough && !authStated && (passThrough === true || passThrough.auth === undefined)) say('passThrough.auth', NO_AUTH)
  return problems
}

/** What is said where nobody has stated who may call. */
export const NO_AUTH = "missing: state who may call, here or for the whole upstream: { jwt: { scopes: [...] } }, or 'none' for everybody"

function checkTarget (target: UpstreamDeclaration['targets'][number], field: string, say: Say): void {
  const [url, urlField] = typeof target === 'string' ? [target, field] : [target.url, `${field}.url`]
  const parsed = URL.parse(url)
  if (parsed === null) say(urlField, `found "${url}", which is not a URL`)
  else if (parsed.search !== '' || parsed.hash !== '' || parsed.username !== '') {
    say(urlField, 'a target has no query, fragment or credentials: send credentials with requestHeaders')
  }
  if (typeof target !== 'string' && target.tls && !url.startsWith('https:')) say(`${field}.tls`, 'only https targets have TLS settings')
}

function checkRoute (route: RouteDeclaration, field: string, say: Say): void {
  const pattern = parsePattern(route.url)
  if (typeof pattern === 'string') {
    say(`${field}.url`, `found "${route.url}": ${pattern}`)
    return
  }
  const templates = { rewritePath: route.rewritePath, 'redirect.to': route.redirect?.to.replace(/^https?:\/\/[^/]*/, '') }
  for (const [name, template] of Object.entries(templates)) {
    for (const parameter of template === undefined ? [] : templateParameters(template)) {
      if (!pattern.parameters.includes(parameter)) {
        say(`${field}.${name}`, `uses the parameter "${parameter}", which "${route.url}" does not have (it has ${pattern.parameters.join(', ') || 'none'})`)
      }
    }
  }
  const methods = [route.method].flat()
  const { schema = {} } = route
  if (route.websocket && !methods.includes('GET')) say(`${field}.websocket`, 'a WebSocket begins with GET: add it to the methods')
  if (schema.body && methods.some((method) => method === 'GET' || method === 'HEAD')) {
    say(`${field}.schema.body`, 'GET and HEAD have no body to validate: use another method, QUERY for example')
  }
  if (schema.consumes && !schema.body) say(`${field}.schema.consumes`, 'has an effect with schema.body only')
  if ((route.responseValidation ?? 'off') !== 'off' && !schema.response) say(`${field}.responseValidation`, 'needs schema.response')
}
