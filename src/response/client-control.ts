import type { FastifyReply, FastifyRequest } from 'fastify'
import { milliseconds } from '../units.ts'
import type { ClientCacheSettings } from './client-cache-schema.ts'

/** Options of @fastify/caching; seconds. */
export interface Wording {
  privacy: string
  expiresIn?: number
  serverExpiresIn?: number
}

const seconds = (time: string | number | undefined): number | undefined =>
  time === undefined ? undefined : Math.floor(milliseconds(time) / 1000)

/** What is said to everybody, and what to one client where it must not be everybody's; empty for nothing. */
export function wordingsOf({ privacy, maxAge, sharedMaxAge }: ClientCacheSettings): Wording[] {
  if (privacy === undefined) return []
  const own: Wording = { privacy, expiresIn: seconds(maxAge), serverExpiresIn: seconds(sharedMaxAge) }
  return privacy === 'public' ? [own, { privacy: 'private', expiresIn: own.expiresIn }] : [own]
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

/** The `clientCache` of a route, made ready. */
export class ClientControl {
  readonly settings: ClientCacheSettings
  /** `Cache-Control` for each of `wordingsOf`; there before the first request. */
  readonly wordings: string[] = []

  constructor(settings: ClientCacheSettings) {
    this.settings = settings
  }

  /** States `Cache-Control` on a reply that does not say so itself. */
  state(request: FastifyRequest, reply: FastifyReply): void {
    const [general, personal = general] = this.wordings
    if (general === undefined) return
    const { statusCode } = reply
    const control = reply.getHeader('cache-control')
    const isStated = control !== undefined || reply.hasHeader('expires') || reply.hasHeader('pragma')
    if (statusCode >= 400) {
      // as @fastify/caching does: nobody shall see an error for longer than it lasts
      if (!isStated) reply.header('cache-control', 'no-store')
      return
    }
    // @fastify/caching would say no-store on a 304 too, which puts out what the client has
    if ((statusCode >= 300 && statusCode !== 304) || (isStated && !this.settings.override)) return
    const isPersonal =
      !this.settings.override &&
      (request.consumer !== null || request.headers.authorization !== undefined || reply.hasHeader('set-cookie'))
    const text = isPersonal ? personal! : general
    const age = Number(reply.getHeader('age') ?? 0)
    // it counts from now, not from when the cache has got the response
    const value = age > 0 ? text.replace(/age=(\d+)/g, (_, time) => `age=${Number(time) + age}`) : text
    reply.header('cache-control', /no-transform/i.test(String(control)) ? `${value}, no-transform` : value)
    reply.removeHeader('expires')
    reply.removeHeader('pragma')
  }
}
