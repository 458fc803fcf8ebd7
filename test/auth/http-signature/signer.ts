import { createHash, createHmac } from 'node:crypto'
import { request } from 'node:http'

export const SECRET = 'a secret for signatures, long enough'

export interface SignedRequest {
  method?: string
  path?: string
  host: string
  headers?: Record<string, string>
  body?: string | Buffer
  /** Covered components. Default: method, target URI and, with a body, its digest. */
  covered?: string[]
  /** Parameters as they stand in `Signature-Input`, after `created` and `keyid`. */
  parameters?: string
  created?: number
  keyid?: string
  /** Makes the signature of a base. Default: HMAC with `SECRET`. */
  sign?: (base: string) => Buffer
}

export const contentDigest = (body: string | Buffer, algorithm = 'sha256'): string =>
  `sha-${algorithm.slice(3)}=:${createHash(algorithm).update(body).digest('base64')}:`
export const hmac = (base: string): Buffer => createHmac('sha256', SECRET).update(base, 'latin1').digest()

/** The headers of a signed request, written independently of the verifier: the base is put together as text. */
export function signedHeaders({
  method = 'GET',
  path = '/',
  host,
  headers = {},
  body,
  covered,
  parameters = '',
  created = Math.floor(Date.now() / 1000),
  keyid = 'k1',
  sign = hmac,
}: SignedRequest): Record<string, string> {
  const all: Record<string, string> = {
    ...(body === undefined ? {} : { 'content-digest': contentDigest(body) }),
    ...headers,
  }
  const names = covered ?? ['@method', '@target-uri', ...(body === undefined ? [] : ['content-digest'])]
  const [pathOnly, query] = path.split('?') as [string, string?]
  const values: Record<string, string> = {
    '@method': method,
    '@target-uri': `http://${host}${path}`,
    '@authority': host,
    '@scheme': 'http',
    '@path': pathOnly,
    '@query': `?${query ?? ''}`,
    '@request-target': path,
  }
  const input = `(${names.map((name) => `"${name}"`).join(' ')});created=${created};keyid="${keyid}"${parameters}`
  const base = [
    ...names.map((name) => `"${name}": ${values[name] ?? all[name]}`),
    `"@signature-params": ${input}`,
  ].join('\n')
  return { ...all, 'signature-input': `s=${input}`, signature: `s=:${sign(base).toString('base64')}:` }
}

/** Sends a request; unlike `fetch` it adds nothing and lets a body be sent in pieces. */
export function send(
  url: string,
  {
    method = 'GET',
    headers = {},
    pieces = [],
  }: { method?: string; headers?: Record<string, string>; pieces?: (string | Buffer)[] },
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, body }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    for (const piece of pieces) sent.write(piece)
    sent.end()
  })
}
