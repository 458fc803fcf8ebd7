import { createServer, type IncomingMessage } from 'node:http'
import { type Address, HttpError, jsonListener, listen, readJson, runAlone, sendJson, type Service } from './service.ts'

const CATEGORIES = ['machines', 'mathematics', 'orbits']
const CURRENCIES = ['EUR', 'USD']
/** How many answers are kept for clients that send a request again. */
const MAX_REPEATS = 1000

interface Product {
  sku: string
  kind: string
  title: string
  category: string
  price: { amount: number; currency: string }
  addedAt: string
  author?: string
  pages?: number
  weight?: number
}

const seed = (): Product[] => [
  {
    sku: 'BOK-1',
    kind: 'book',
    title: 'Notes on the Analytical Engine',
    category: 'machines',
    price: { amount: 1842, currency: 'EUR' },
    author: 'Ada Lovelace',
    pages: 66,
    addedAt: '2026-01-05T08:00:00.000Z',
  },
  {
    sku: 'BOK-2',
    kind: 'book',
    title: 'On Computable Numbers',
    category: 'mathematics',
    price: { amount: 1936, currency: 'EUR' },
    author: 'Alan Turing',
    pages: 36,
    addedAt: '2026-01-05T08:00:00.000Z',
  },
  {
    sku: 'INS-1',
    kind: 'instrument',
    title: 'Slide rule',
    category: 'mathematics',
    price: { amount: 4900, currency: 'USD' },
    weight: 120,
    addedAt: '2026-02-11T16:20:00.000Z',
  },
  {
    sku: 'INS-2',
    kind: 'instrument',
    title: 'Sextant',
    category: 'orbits',
    price: { amount: 21500, currency: 'USD' },
    weight: 1650,
    addedAt: '2026-03-02T10:10:00.000Z',
  },
]

/** A catalogue of products. What it offers is written down in `openapi/catalog.yaml`, and nowhere else. */
export async function start(address: Address = {}): Promise<Service> {
  const products = new Map(seed().map((product) => [product.sku, product]))
  const repeats = new Map<string, string>()

  const server = createServer(
    jsonListener(async (request, response, url) => {
      const method = request.method === 'HEAD' ? 'GET' : request.method!
      if (url.pathname === '/categories' && method === 'GET') {
        return sendJson(response, 200, CATEGORIES, { 'cache-control': 'public, max-age=60' })
      }
      if (url.pathname === '/products') {
        if (method === 'GET') return sendJson(response, 200, list([...products.values()], url.searchParams))
        if (method !== 'POST') throw notAllowed(method)
        const product = await create(request)
        // an absolute address of this service: the gateway must not show it
        return sendJson(response, 201, product, { location: `http://${request.headers.host}/products/${product.sku}` })
      }
      const [, sku, inside] = /^\/products\/([A-Z]{3}-\d{1,6})(\/cost)?$/.exec(url.pathname) ?? []
      if (sku === undefined) throw new HttpError(404, 'there is nothing at this path')
      const product = products.get(sku)
      if (!product) throw new HttpError(404, `there is no product ${sku}`)
      if (method !== 'GET') throw notAllowed(method)
      sendJson(response, 200, inside === undefined ? product : { sku, cost: Math.round(product.price.amount * 0.6) })
    }),
  )
  return listen(server, address)

  /** A request that comes again with the same key creates nothing again. */
  async function create(request: IncomingMessage): Promise<Product> {
    const key = request.headers['idempotency-key'] as string | undefined
    if (key === undefined) throw new HttpError(400, 'there is no Idempotency-Key')
    const fields = check(await readJson(request))
    const known = products.get(repeats.get(key) ?? '')
    if (known) return known
    if (products.has(fields.sku)) throw new HttpError(409, `there is a product ${fields.sku} already`)
    const product = { ...fields, addedAt: new Date().toISOString() }
    products.set(product.sku, product)
    if (repeats.size >= MAX_REPEATS) repeats.delete(repeats.keys().next().value!)
    repeats.set(key, product.sku)
    return product
  }
}

function list(products: Product[], query: URLSearchParams): { total: number; products: Product[] } {
  const categories = query.get('category')?.split(',')
  const found = products.filter(({ category }) => categories?.includes(category) ?? true)
  if (query.get('sort') === 'price') found.sort((one, other) => one.price.amount - other.price.amount)
  const limit = Number(query.get('limit') ?? 20)
  if (!Number.isInteger(limit) || limit < 1) throw new HttpError(422, 'limit is not a positive whole number')
  return { total: found.length, products: found.slice(0, limit) }
}

/** The service has checks of its own: it must not rely on who stands in front of it. */
function check(body: Record<string, unknown>): Omit<Product, 'addedAt'> {
  const { sku, kind, title, category, price, author, pages, weight } = body as Partial<Product>
  const refuse = (message: string): never => {
    throw new HttpError(422, message)
  }
  if (typeof sku !== 'string' || !/^[A-Z]{3}-\d{1,6}$/.test(sku)) return refuse('sku is not one such as BOK-1')
  if (typeof title !== 'string' || title === '') return refuse('title is not a text')
  if (typeof category !== 'string' || !CATEGORIES.includes(category)) {
    return refuse(`category is none of ${CATEGORIES.join(', ')}`)
  }
  const { amount, currency } = typeof price === 'object' && price !== null ? price : refuse('price is not an object')
  if (!Number.isInteger(amount) || amount < 0 || !CURRENCIES.includes(currency)) {
    return refuse('price has no amount in cents, or no currency')
  }
  const common = { sku, title, category, price: { amount, currency } }
  if (kind === 'book' && typeof author === 'string' && Number.isInteger(pages)) {
    return { kind, ...common, author, pages }
  }
  if (kind === 'instrument' && typeof weight === 'number') return { kind, ...common, weight }
  return refuse('kind is neither a book with author and pages nor an instrument with weight')
}

const notAllowed = (method: string) => new HttpError(405, `${method} is not possible here`)

if (import.meta.main) await runAlone('catalog', start, 4004)
