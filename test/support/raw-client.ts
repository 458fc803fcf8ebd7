import { connect } from 'node:net'

export interface RawResponse {
  status: number
  /** Names in small letters; the last of several values. */
  headers: Record<string, string>
  body: string
  /** Everything that came, as latin1. */
  text: string
}

/**
 * Sends bytes as they are and reads until the gateway closes, or until a first whole response has come.
 * @param bytes  text is sent as latin1, so that each character is one byte
 */
export function rawRequest(port: number, bytes: string | Buffer, { timeoutMs = 60_000 } = {}): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    )
    let text = ''
    const deadline = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no whole response within ${timeoutMs} ms: ${JSON.stringify(text)}`))
    }, timeoutMs)
    const finish = () => {
      clearTimeout(deadline)
      socket.destroy()
      resolve(parse(text))
    }
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      if (isWhole(text)) finish()
    })
    socket.on('close', finish)
    socket.on('error', finish)
  })
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return false
  const { status, headers, body } = parse(text)
  if (status === 101) return true
  if (status < 200) return false
  if (status === 204 || status === 304) return true
  if (headers['transfer-encoding'] === 'chunked') return /(?:^|\r\n)0\r\n(?:.+\r\n)*\r\n$/.test(text.slice(end + 4))
  return headers['content-length'] !== undefined && body.length >= Number(headers['content-length'])
}

function parse(text: string): RawResponse {
  // informational answers come before the final one
  let rest = text
  while (/^HTTP\/1\.1 1(?!01)\d\d /.test(rest) && rest.includes('\r\n\r\n')) {
    rest = rest.slice(rest.indexOf('\r\n\r\n') + 4)
  }
  const [head = '', ...bodyParts] = rest.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers: Record<string, string> = Object.create(null)
  for (const line of lines) {
    headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim()
  }
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body: bodyParts.join('\r\n\r\n'), text }
}
