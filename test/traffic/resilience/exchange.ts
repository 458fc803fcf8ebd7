import type { RequestListener } from 'node:http'
import type { Upstream } from '../../../src/upstream/upstream.ts'
import { eventually } from '../../support/eventually.ts'
import type { Gateway } from '../../support/gateway.ts'

/** Hardly a pause, but room for a Retry-After. */
export const BACKOFF = { base: 1, max: '2s' }
const ALL = ['GET', 'POST', 'PUT', 'DELETE', 'QUERY']

/** The file of an upstream `a` that forwards everything below `/a`. */
export const upstream = (targets: string[], more: object = {}) => ({
  'a.json': { name: 'a', prefix: '/a', auth: 'none', targets, routes: [{ method: ALL, url: '/*' }], ...more },
})

/** Answers with these statuses in turn, and the last one from then on. */
export function statuses(...list: number[]): RequestListener {
  let i = 0
  return (request, response) => {
    request.resume()
    const status = list[Math.min(i++, list.length - 1)]!
    request.on('end', () => response.writeHead(status, { 'content-type': 'text/plain' }).end(`answer ${i}`))
  }
}

/** How often a decision has been made. */
export async function decided({ app }: Gateway, decision: string): Promise<number> {
  return [...app.metrics.decisions]
    .filter(({ labels }) => labels.decision === decision)
    .reduce((sum, { value }) => sum + value, 0)
}

/** The one upstream. */
export const upstreamOf = ({ app }: Gateway): Upstream => app.upstreams.get('a')!

/** Nothing is under way any more at any target. */
export const allOver = (gateway: Gateway): Promise<boolean> =>
  eventually('all attempts over', () => upstreamOf(gateway).targets.every(({ inFlight }) => inFlight === 0))
