import type { FastifyReply, FastifyRequest } from 'fastify'
import { milliseconds } from '../units.ts'
import type { ClientCacheSettings } from './client-cache-schema.ts'

const seconds = (time: string | number): number => Math.floor(milliseconds(time) / 1000)

/** `Cache-Control` as settings state it. */
function directives({ privacy, maxAge, sharedMaxAge }: ClientCacheSettings): string | null {
  if (privacy === undefined) return null
  const age = maxAge === undefined ? '' : `, max-age=${seconds(maxAge)}`
  return `${privacy}${age}${sharedMaxAge === undefined ? '' : `, s-maxage=${seconds(sharedMaxAge)}`}`
}

/** What is wrong with settings that contradict each other; null for nothing. */
export function controlMistake({
  privacy,
  maxAge,
  sharedMaxAge,
  override,
}: ClientCacheSettings): { field: string; message: string } | null {
  if (maxAge !== undefined && privacy !== 'public' && privacy !== 'private') {
    return { field: 'maxAge', message: 'has an effect only with privacy: "public" or "private"' }
  }
  if (sharedMaxAge !== undefined && privacy !== 'public') {
    return { field: 'sharedMaxAge', message: 'has an effect only with privacy: "public"' }
  }
  if (override && privacy === undefined) {
    return { field: 'override', message: 'has an effect only with privacy: state what is to be said' }
  }
  return null
}

/** The `clientCache` of a route, compiled. */
export class ClientControl {
  readonly #overrides: boolean
  /** For responses that anyone may have. */
  readonly #general: string | null
  /** For responses to one consumer. */
  readonly #personal: string | null

  constructor(settings: ClientCacheSettings) {
    this.#overrides = settings.override ?? false
    this.#general = directives(settings)
    this.#personal =
      settings.privacy === 'public' ? directives({ privacy: 'private', maxAge: settings.maxAge }) : this.#general
  }

  /** Sets `Cache-Control` on a reply that does not have it yet. */
  state(request: FastifyRequest, reply: FastifyReply): void {
    if (this.#general === null || this.#personal === null) return
    const { statusCode } = reply
    const control = reply.getHeader('cache-control')
    const isStated = control !== undefined || reply.hasHeader('expires') || reply.hasHeader('pragma')
    if (statusCode >= 400) {
      // clients must not keep an error for longer than it lasts
      if (!isStated) reply.header('cache-control', 'no-store')
      return
    }
    // `no-store` on a 304 would make the client drop the response that it has
    if ((statusCode >= 300 && statusCode !== 304) || (isStated && !this.#overrides)) return
    const isPersonal =
      !this.#overrides &&
      (request.consumer !== null || request.headers.authorization !== undefined || reply.hasHeader('set-cookie'))
    const text = isPersonal ? this.#personal : this.#general
    // lifetimes count from now, not from when the gateway's cache stored the response
    const age = Number(reply.getHeader('age') ?? 0)
    const value = age > 0 ? text.replace(/age=(\d+)/g, (_, time) => `age=${Number(time) + age}`) : text
    reply.header('cache-control', /no-transform/i.test(String(control)) ? `${value}, no-transform` : value)
    reply.removeHeader('expires')
    reply.removeHeader('pragma')
  }
}
