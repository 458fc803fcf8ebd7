import { Agent, type ClientRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

export interface AskOptions {
  method?: string
  headers?: OutgoingHttpHeaders
  body?: string
  agent?: Agent
  /** Sees the request before its answer. */
  onRequest?: (request: ClientRequest) => void
}

/** Asks and reads the whole answer; unlike `fetch` it adds no headers of its own. */
export function ask(
  url: string,
  { method = 'GET', headers = {}, body, agent, onRequest }: AskOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      )
    })
    sent.on('error', reject)
    onRequest?.(sent)
    sent.end(body)
  })
}
