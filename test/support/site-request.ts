import { type IncomingHttpHeaders, request } from 'node:http'

export interface SiteAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: string
  /** What the cache says it has done: `hit`, or why the request went on. */
  cache: string | undefined
}

/** Asks a gateway for a path of `http://site.test`, so that several gateways get the same URL. */
export function siteRequest(port: number, path: string, headers: Record<string, string> = {}): Promise<SiteAnswer> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, headers: { host: 'site.test', ...headers }, agent: false }, (response) => {
      let body = ''
      response
        .setEncoding('utf8')
        .on('data', (text: string) => {
          body += text
        })
        .on('error', reject)
        .on('end', () => {
          const cache = /^Gatehouse; (?:(hit)|fwd=([a-z-]+))/.exec(String(response.headers['cache-status']))
          resolve({ status: response.statusCode!, headers: response.headers, body, cache: cache?.[1] ?? cache?.[2] })
        })
    })
      .on('error', reject)
      .end()
  })
}
