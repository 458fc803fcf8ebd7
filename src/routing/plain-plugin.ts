import type { FastifyInstance, FastifyReply } from 'fastify'
import Type, { type Static } from 'typebox'
import { withoutParameters } from '../auth/credentials.ts'
import type { Config } from '../config/config-schema.ts'
import { checkAgainst } from '../config/schema-check.ts'
import { closest } from '../schema/suggestion.ts'
import { BootProblems, gatehouseError } from '../errors.ts'
import { failReply } from '../listener/settle.ts'
import { canonicalTarget } from '../listener/canonical-path.ts'
import { type ForwardPlan, forwardPlan } from '../proxy/forward-plan.ts'
import type { ForwardedHeaders } from '../proxy/forwarded-headers.ts'
import { forward } from '../proxy/pipeline.ts'
import { upstreamPath } from '../proxy/upstream-path.ts'
import { bytes } from '../units.ts'
import { checkDeclaration } from './declaration-check.ts'
import {
  Targets,
  UpstreamDeclaration,
  type UpstreamInput,
  type WithLists,
  withLists,
} from '../upstream/declaration-schema.ts'
import type { Registrar } from './registrar.ts'
import { inheritedSettings } from './route-plan.ts'
import { checkTarget } from '../upstream/target-check.ts'
import { checkTraffic } from './traffic-check.ts'
import { trafficFields } from '../config/traffic-schema.ts'
import { upstreamParts } from './upstream-parts.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts'
import type { CredentialRemoval } from './credential-removal.ts'

const {
  name,
  timeouts,
  preserveHost,
  sendRealIp,
  identityHeaders,
  requestHeaders,
  responseHeaders,
  forwardCredentials,
  forwardMethodOverride,
} = UpstreamDeclaration.properties

/** The options of `app.addUpstream`: an upstream file without its routes. */
const AddedUpstream = Type.Object(
  {
    name,
    targets: Targets,
    timeouts,
    preserveHost,
    sendRealIp,
    identityHeaders,
    requestHeaders,
    responseHeaders,
    forwardCredentials,
    forwardMethodOverride,
    ...trafficFields,
  },
  { additionalProperties: false },
)
export type AddedUpstream = Static<typeof AddedUpstream>

export interface ForwardOptions {
  /** Path and query for the upstream. Default: those of the request. */
  path?: string
  /** Lets WebSocket upgrades through. Default: false. */
  websocket?: boolean
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Registers the routes of a declaration. `defineUpstream` calls it. */
    declareUpstream(declaration: UpstreamInput): Promise<void>
    /** Creates an upstream for hand-written routes. */
    addUpstream(declaration: AddedUpstream): Upstream
  }
  interface FastifyReply {
    /**
     * Forwards the request to an upstream, with balancing, failover, timeouts, header rules and error answers.
     * @param upstream  the result of `addUpstream`, or the name of an upstream
     */
    forward(upstream: Upstream | string, options?: ForwardOptions): FastifyReply
  }
}

/** Lets hand-written plugins forward like declared upstreams. */
export function decorateUpstreams(
  app: FastifyInstance,
  registrar: Registrar,
  parts: { config: Config; upstreams: UpstreamRegistry; forwarded: ForwardedHeaders; withheld: CredentialRemoval },
): void {
  const { config, upstreams, forwarded, withheld } = parts
  const added = new Map<Upstream, WithLists<AddedUpstream>>()
  const plans = new Map<Upstream, Map<string, ForwardPlan>>()

  app.decorate('declareUpstream', async function (this: FastifyInstance, given: UpstreamInput) {
    const file = `upstream "${given?.name}"`
    const { problems, declaration } = checkDeclaration(given, file, config.auth !== undefined)
    if (problems.length > 0) throw new BootProblems(problems)
    if (declaration.openapi === undefined) return registrar.declare(this, declaration, file)
    const { importDocument } = await import('./document-import.ts')
    const imported = await importDocument(declaration, file, {
      authInherited: config.auth !== undefined,
      openapi: config.openapi,
      baseDir: config.baseDir,
      bodyLimit: bytes(config.bodyLimit),
    })
    if (imported.problems.length > 0) throw new BootProblems(imported.problems)
    registrar.declare(this, declaration, file, imported.api)
  })

  app.decorate('addUpstream', function (this: FastifyInstance, given: AddedUpstream): Upstream {
    const call = `app.addUpstream(${JSON.stringify(given?.name) ?? ''})`
    const file = this.routeFile ?? call
    const wrong = checkAgainst(AddedUpstream, given, file)
    const declaration = withLists(given)
    if (wrong.length === 0) {
      const say = (field: string, message: string): void => {
        wrong.push({ file, field, message })
      }
      declaration.targets!.forEach((target, i) => checkTarget(target, `targets[${i}]`, say))
      checkTraffic(declaration, say)
    }
    const problems = wrong.map((problem) =>
      this.routeFile === undefined ? problem : { ...problem, field: `${call}${problem.field && ': '}${problem.field}` },
    )
    const owner = upstreams.ownerOf(declaration?.name)
    if (owner !== undefined) {
      problems.push({
        file,
        field: `${call}: name`,
        message: `is used ${owner === file ? 'in this file already' : `by ${owner} too`}: change one of them`,
      })
    }
    if (problems.length > 0) throw new BootProblems(problems)
    const upstream = upstreams.add(declaration.name, upstreamParts(declaration, { config, file, log: app.log }), file)
    added.set(upstream, declaration)
    withheld.addIdentity(Object.keys(declaration.identityHeaders ?? {}))
    return upstream
  })

  /** One plan for each upstream and set of options; there are few. */
  function planOf(
    upstream: Upstream,
    websocket: boolean,
    open: boolean,
    hosts: readonly string[] | undefined,
  ): ForwardPlan {
    const known = plans.get(upstream) ?? new Map<string, ForwardPlan>()
    plans.set(upstream, known)
    const key = `${websocket} ${open} ${hosts === undefined ? '*' : hosts.join(' ')}`
    let plan = known.get(key)
    if (!plan) {
      const declaration = added.get(upstream)
      plan = forwardPlan({
        ...inheritedSettings({ config, forwarded, upstream, declaration: declaration ?? {} }),
        websocket,
        open,
      })
      withheld.apply(plan, hosts, declaration?.forwardCredentials ?? false)
      known.set(key, plan)
    }
    return plan
  }

  app.decorateReply(
    'forward',
    function (this: FastifyReply, to: Upstream | string, { path, websocket = false }: ForwardOptions = {}) {
      const upstream = typeof to === 'string' ? upstreams.get(to) : to
      if (upstream === undefined) {
        throw new Error(
          unknownUpstream(
            String(to),
            [...upstreams].map(({ name }) => name),
          ),
        )
      }
      if (!this.request.admitted) {
        // not thrown: a call from a timer would end the process
        failReply(this, new Error(NOT_ADMITTED))
        return this
      }
      const { auth, hosts } = this.request.routeOptions.config
      const plan = planOf(upstream, websocket, auth === 'none', hosts)
      const target =
        path === undefined ? upstreamPath(this.request.raw.url!, this.request.params, plan) : ownTarget(path, plan)
      if (target === null) throw gatehouseError('GW_BAD_PATH')
      forward(this.request, this, plan, target)
      return this
    },
  )
}

const NOT_ADMITTED =
  'reply.forward was called for a request before authentication and limits have let it in, as in an onRequest hook, or after they have refused it, as in an error handler: forward in the handler of a route or in a later hook'

/** The target given by a plugin, often the request's own URL, without API keys in its query. */
const ownTarget = (path: string, { dropQuery }: ForwardPlan): string | null =>
  canonicalTarget(dropQuery === null ? path : withoutParameters(path, dropQuery))

function unknownUpstream(name: string, known: readonly string[]): string {
  const guess = closest(name, known)
  return `reply.forward: there is no upstream named "${name}"${guess === undefined ? '' : `, did you mean "${guess}"?`} (${known.length === 0 ? 'there is none at all' : `there are: ${known.join(', ')}`})`
}
