import { createServer } from 'node:http'
import { jsonListener, listen, readJson, sendJson } from '../../demo/service.ts'
import type { Scope } from './demo-process.ts'

/** "Any HTTP service": what a user would put behind the template of `routes/README.md`. */
export async function startStock(scope: Scope): Promise<{ url: string; requests: string[] }> {
  const items = new Map<string, unknown>([['BOX-1', { name: 'Box', quantity: 12 }]])
  const requests: string[] = []
  const service = await listen(
    createServer(
      jsonListener(async (request, response, url) => {
        requests.push(`${request.method} ${request.url}`)
        if (url.pathname === '/items') return sendJson(response, 200, Object.fromEntries(items))
        const sku = decodeURIComponent(url.pathname.replace('/items/', ''))
        if (request.method === 'PUT') items.set(sku, await readJson(request))
        if (items.has(sku)) sendJson(response, 200, items.get(sku))
        else sendJson(response, 404, { error: 'no such item' })
      }),
    ),
    {},
  )
  scope.after(() => service.close())
  return { url: service.url, requests }
}
