import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

export interface RawBody {
  status: number
  headers: IncomingHttpHeaders
  trailers: NodeJS.Dict<string>
  /** As it came, in whatever coding. */
  body: Buffer
  /** Whether the connection broke before the end. */
  broken: boolean
}

/** Sends a request and leaves the body of the answer in its coding, which `fetch` does not. */
export function getRaw(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<RawBody> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, method, agent: false }, (response) => {
      const chunks: Buffer[] = []
      const finish = (broken: boolean) =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          trailers: response.trailers,
          body: Buffer.concat(chunks),
          broken,
        })
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => finish(false))
      response.on('error', () => finish(true))
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** The same, with the answer as it begins to come. */
export function openRaw(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, agent: false }, resolve)
    sent.on('error', reject)
    sent.end()
  })
}
