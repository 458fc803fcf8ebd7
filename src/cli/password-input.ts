import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandFailure } from './failure.ts'

/** Longest password, in bytes. */
const LONGEST = 1024

/** A password from standard input: its first line, which a terminal does not show while it is typed. */
export async function readPassword(): Promise<string> {
  const { stdin, stderr } = process
  const terminal = stdin.isTTY === true
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output: silent, terminal })
  if (terminal) stderr.write('Password: ')
  try {
    const password = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('close', () => resolve(''))
      lines.once('SIGINT', () => reject(new CommandFailure('interrupted')))
    })
    if (password === '') throw new CommandFailure('there is no password: type one, or send it to standard input')
    if (Buffer.byteLength(password) > LONGEST) throw new CommandFailure(`the password is longer than ${LONGEST} bytes`)
    // eslint-disable-next-line no-control-regex
    if (/[\x00-\x1F\x7F]/.test(password)) {
      throw new CommandFailure(
        'the password has a control character, which HTTP Basic cannot send (RFC 7617, section 2)',
      )
    }
    return password
  } finally {
    if (terminal) stderr.write('\n')
    lines.close()
  }
}
