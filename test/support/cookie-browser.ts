import { request, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Answered {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

interface Asked {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** Asks over a connection of its own; unlike `fetch` it adds nothing that browsers alone send. */
export function ask(url: string, { method = 'GET', headers = {}, body = '' }: Asked = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    request(
      url,
      {
        method,
        headers: { ...headers, ...(body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }) },
        agent: false,
      },
      (response) => {
        text(response).then(
          (body) => resolve({ status: response.statusCode!, headers: response.headers, body }),
          reject,
        )
      },
    )
      .on('error', reject)
      .end(body)
  })
}

/**
 * The part of a browser that logins need: it keeps cookies by origin, follows redirects, and fills in the forms of the
 * provider.
 */
export class CookieBrowser {
  readonly #jars = new Map<string, Map<string, string>>()
  readonly #user: string

  /** @param user  who logs in, where a form asks */
  constructor(user: string) {
    this.#user = user
  }

  /** Cookies that an origin has set, by name. */
  cookies(origin: string): Map<string, string> {
    return this.#jars.get(origin) ?? this.#jars.set(origin, new Map()).get(origin)!
  }

  /** One request, with the cookies of its origin. */
  async send(url: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answered> {
    const jar = this.cookies(new URL(url).origin)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await ask(url, {
      method,
      body,
      headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }), ...headers },
    })
    for (const set of answer.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)!
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(set)) jar.delete(name!)
      else jar.set(name!, value!)
    }
    return answer
  }

  /** Opens a page, through whatever redirects and forms stand before it. */
  async open(url: string): Promise<Answered & { url: string }> {
    let answer = await this.send(url)
    let at = url
    for (let step = 0; step < 20; step++) {
      const { location } = answer.headers
      if (location !== undefined) {
        at = new URL(location, at).href
        answer = await this.send(at)
        continue
      }
      const action = /<form[^>]*action="([^"]+)"[^>]*method="post"/.exec(answer.body)?.[1]
      const prompt = /name="prompt" value="(\w+)"/.exec(answer.body)?.[1]
      if (action === undefined || prompt === undefined) return { ...answer, url: at }
      at = new URL(action, at).href
      const form = new URLSearchParams({ prompt, ...(prompt === 'login' ? { login: this.#user, password: 'x' } : {}) })
      answer = await this.send(at, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: String(form),
      })
    }
    throw new Error(`no page after 20 steps, the last at ${at}`)
  }
}
