import { Buffer } from 'node:buffer'
import { type TargetDeclaration, targetEntry, type TargetTls } from './target-schema.ts'
import { schemeOf } from './target-settings.ts'

type Say = (field: string, message: string) => void

/** Longest path of a socket that every system takes, in bytes. */
const SOCKET_PATH = 103
const PAIRS = [
  ['ca', 'caFile'],
  ['cert', 'certFile'],
  ['key', 'keyFile'],
] as const

/** What the schema cannot say about one target. @param field  where it stands; empty for the top */
export function checkTarget(target: TargetDeclaration, field: string, say: Say): void {
  const entry = targetEntry(target)
  const at = (name: string): string => (typeof target === 'string' ? field : `${field}.${name}`)
  if ('file' in entry) return
  if ('url' in entry) {
    const { url, socket } = entry
    const isUnix = url.startsWith('unix:')
    const parsed = URL.parse(url)
    if (isUnix && socket !== undefined) say(at('socket'), 'the url names a socket already: state one of the two')
    else if (parsed === null) say(at('url'), `found "${url}", which is not a URL`)
    else if (parsed.search !== '' || parsed.hash !== '' || parsed.username !== '') {
      say(at('url'), 'a target has no query, fragment or credentials: send credentials with requestHeaders')
    }
    const path = isUnix ? url.slice('unix:'.length) : (socket ?? '')
    if (Buffer.byteLength(path) > SOCKET_PATH) {
      say(at(isUnix ? 'url' : 'socket'), `the path of a socket has at most ${SOCKET_PATH} bytes`)
    }
  } else if (!/^[^.]+\._(tcp|udp)\.[^.]/.test(entry.srv)) {
    say(at('srv'), `found "${entry.srv}", allowed: name of SRV records, such as "_http._tcp.orders.internal"`)
  }
  const isSecure = schemeOf(entry) === 'https:'
  if (entry.tls && !isSecure) say(`${field}.tls`, 'only https targets have TLS settings')
  if (entry.http2 === true && !isSecure) {
    say(
      `${field}.http2`,
      "without TLS there is nothing to choose HTTP/2 with: write 'prior-knowledge' when the target speaks it without",
    )
  }
  if (entry.http2 === 'prior-knowledge' && isSecure) {
    say(`${field}.http2`, 'is for http targets: write true, TLS settles it')
  }
  if (entry.tls) checkTls(entry.tls, `${field}.tls`, say)
}

function checkTls(tls: TargetTls, field: string, say: Say): void {
  for (const [text, file] of PAIRS) {
    if (tls[text] !== undefined && tls[file] !== undefined) {
      say(`${field}.${file}`, `${text} states the same: state one of the two`)
    }
  }
  const hasCert = (tls.cert ?? tls.certFile) !== undefined
  const hasKey = (tls.key ?? tls.keyFile) !== undefined
  if (hasCert && !hasKey) say(`${field}.key`, 'is missing: a certificate needs its key, as key or keyFile')
  if (hasKey && !hasCert) say(`${field}.cert`, 'is missing: a key needs its certificate, as cert or certFile')
  if (tls.verify === false && (tls.ca ?? tls.caFile) !== undefined) {
    say(`${field}.verify`, 'with an authority to trust, there is no reason not to verify: take one of the two away')
  }
}
