import { Agent, request as send } from 'node:http'

/** What a server has answered. */
export interface Answer {
  status: number
  body: Buffer
}

const agent = new Agent({ keepAlive: false })

/** Asks once, over a connection of its own. @param body  sent with the method POST; without one the method is GET */
export function ask(port: number, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = send(
      { agent, method: body === undefined ? 'GET' : 'POST', host: '127.0.0.1', port, path, headers, timeout: 5000 },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks) }))
        response.on('error', reject)
      },
    )
    request.on('timeout', () => request.destroy(new Error(`no answer from port ${port} within 5 s`)))
    request.on('error', reject)
    request.end(body)
  })
}

/**
 * Waits until something answers on a port, whatever the status.
 * @param failure  tells why the server has ended, so that nobody waits for it; null while it runs
 */
export async function untilAnswers(
  port: number,
  path: string,
  failure: () => string | null,
  bound = 60_000,
): Promise<void> {
  const end = Date.now() + bound
  for (;;) {
    const reason = failure()
    if (reason !== null) throw new Error(reason)
    try {
      await ask(port, path)
      return
    } catch (error) {
      if (Date.now() > end) throw new Error(`nothing answers on port ${port} after ${bound} ms`, { cause: error })
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
