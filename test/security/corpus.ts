import { get, UPGRADE } from './wire.ts'

// What is sent byte by byte; the tests that import a list say what is safe to do with it, and see to it at a backend that keeps what has reached it.

/** Everything after the request line and `Host`, up to where a second request is hidden. */
export const FRAMINGS: [string, string][] = [
  ['length, then chunks', 'content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'], ['chunks, then length', 'transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n'], ['length 0 and chunks', 'content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  // CVE-2026-1525
  ['two lengths', 'content-length: 4\r\ncontent-length: 0\r\n\r\n'], ['two lengths in different case', 'content-length: 0\r\nContent-Length: 44\r\n\r\n'], ['two equal lengths', 'content-length: 4\r\ncontent-length: 4\r\n\r\nabcd'], ['a list of lengths', 'content-length: 4, 0\r\n\r\nabcd'], ['a list of equal lengths', 'content-length: 4,4\r\n\r\nabcd'],
  ['a length with plus', 'content-length: +4\r\n\r\nabcd'], ['a length with minus', 'content-length: -4\r\n\r\nabcd'], ['a hexadecimal length', 'content-length: 0x4\r\n\r\nabcd'], ['a fractional length', 'content-length: 4.0\r\n\r\nabcd'], ['a length with exponent', 'content-length: 4e0\r\n\r\nabcd'], ['a length with underscore', 'content-length: 4_0\r\n\r\nabcd'], ['a split length', 'content-length: 4 4\r\n\r\nabcd'],
  ['a quoted length', 'content-length: "4"\r\n\r\nabcd'], ['an empty length', 'content-length:\r\n\r\n'], ['a length in words', 'content-length: four\r\n\r\n'], ['a length beyond 2^64', 'content-length: 18446744073709551620\r\n\r\nabcd'], ['a length after a vertical tab', 'content-length: \x0b4\r\n\r\nabcd'], ['a length with NUL', 'content-length: 4\0\r\n\r\nabcd'], ['a length in other digits', 'content-length: \xb2\r\n\r\nab'],
  ['chunked twice', 'transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'], ['chunked twice in a list', 'transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n'], ['chunked, then identity', 'transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n'], ['chunked and identity apart', 'transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n'], ['identity', 'transfer-encoding: identity\r\ncontent-length: 0\r\n\r\n'],
  ['an unknown coding', 'transfer-encoding: xchunked\r\n\r\n0\r\n\r\n'], ['a longer word', 'transfer-encoding: chunkedx\r\n\r\n0\r\n\r\n'], ['a quoted coding', 'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n'], ['a coding with parameter', 'transfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n'], ['an empty coding', 'transfer-encoding:\r\ncontent-length: 0\r\n\r\n'], ['a coding after a vertical tab', 'transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n'], ['a coding after a form feed', 'transfer-encoding:\x0cchunked\r\n\r\n0\r\n\r\n'],
  ['a coding with NUL', 'transfer-encoding: chunked\0\r\n\r\n0\r\n\r\n'], ['a coding behind a bare CR', 'x-a: 1\rtransfer-encoding: chunked\r\n\r\n'], ['a coding behind a bare LF', 'x-a: 1\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'], ['a space before the colon', 'transfer-encoding : chunked\r\n\r\n0\r\n\r\n'], ['a tab before the colon', 'content-length\t: 4\r\n\r\nabcd'], ['a space before the name', ' transfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a folded coding', 'transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n'], ['a folded value', 'x-a: 1\r\n transfer-encoding: chunked\r\n\r\n'], ['a value folded with a tab', 'x-a: 1\r\n\tcontent-length: 4\r\n\r\n'], ['a NUL in a value', 'x-a: 1\0\r\n\r\n'], ['a NUL in a name', 'x-\0a: 1\r\n\r\n'], ['a line without colon', 'nonsense\r\n\r\n'], ['an empty name', ': x\r\n\r\n'], ['a name with a slash', 'x/a: 1\r\n\r\n'], ['a high byte in a name', 'x-\xe9: 1\r\n\r\n'], ['bare LF line ends', 'x-a: 1\n\n'], ['CR CR LF', 'x-a: 1\r\r\n\r\r\n'],
  ['a chunk size in words', 'transfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n'], ['a chunk size with plus', 'transfer-encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n'], ['a chunk size with minus', 'transfer-encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n'], ['a chunk size with 0x', 'transfer-encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n'], ['a chunk size after a space', 'transfer-encoding: chunked\r\n\r\n 2\r\nab\r\n0\r\n\r\n'], ['an empty chunk size', 'transfer-encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n'],
  ['a chunk size beyond 2^64', 'transfer-encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n'], ['an endless chunk size', `transfer-encoding: chunked\r\n\r\n${'f'.repeat(100)}\r\n`], ['a chunk longer than it says', 'transfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n'], ['a chunk without its line end', 'transfer-encoding: chunked\r\n\r\n2\r\nab0\r\n\r\n'], ['a chunk size that ends with LF', 'transfer-encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n'], ['a chunk that ends with LF', 'transfer-encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n'],
  ['last chunk with LF', 'transfer-encoding: chunked\r\n\r\n0\n\n'], ['a chunk extension with LF', 'transfer-encoding: chunked\r\n\r\n2;a\nxx\r\n0\r\n\r\n'], ['a chunk extension with CR', 'transfer-encoding: chunked\r\n\r\n2;a\rxx\r\n0\r\n\r\n'], ['a chunk extension with NUL', 'transfer-encoding: chunked\r\n\r\n2;a\0\r\nab\r\n0\r\n\r\n'], ['a flood of chunk extensions', `transfer-encoding: chunked\r\n\r\n2;${'a'.repeat(40_000)}\r\nab\r\n0\r\n\r\n`], ['a trailer with a space before the colon', 'transfer-encoding: chunked\r\n\r\n0\r\nx-a : 1\r\n\r\n'],
]

/** Request lines that are none. */
export const REQUEST_LINES = ['GET\t/pass/x HTTP/1.1', 'GET /pass/x HTTP/1.1 x', 'GET /pass/x y HTTP/1.1', 'GET /pass/x\ty HTTP/1.1', 'get /pass/x HTTP/1.1', 'Get /pass/x HTTP/1.1', ' GET /pass/x HTTP/1.1', 'GET /pass/x', 'GET /pass/x HTTP/0.9', 'GET /pass/x HTTP/1.2', 'GET /pass/x HTTP/2.0', 'GET /pass/x HTTP/1.1.1', 'GET /pass/x http/1.1', 'GET /pass/x HTTP/+1.1', 'GET /pass/x\0 HTTP/1.1', 'GET /pass/x\rHTTP/1.1', 'G\0T /pass/x HTTP/1.1', 'GETX /pass/x HTTP/1.1', 'PRI * HTTP/2.0', ': /pass/x HTTP/1.1', 'GET pass/x HTTP/1.1']

export const HIDDEN = get('/pass/smuggled')
export const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

/** Requests whose body holds another request: what it is, method, and everything after `Host`. */
export const WHOLE: [string, string, string][] = [
  ['a body of a GET', 'GET', `content-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`], ['a chunked body of a GET', 'GET', `transfer-encoding: chunked\r\n\r\n${chunked(HIDDEN)}`], ['a chunked body of a DELETE', 'DELETE', `transfer-encoding: chunked\r\n\r\n${chunked(HIDDEN)}`], ['a chunked body of an OPTIONS', 'OPTIONS', `transfer-encoding: Chunked\r\n\r\n${chunked(HIDDEN)}`],
  ['a refused protocol', 'POST', `connection: upgrade\r\nupgrade: h2c\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`], ['an upgrade that is no GET', 'POST', `${UPGRADE}content-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ['chunk extensions', 'POST', `transfer-encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)};a=b;c="d"\r\n${HIDDEN}\r\n0;x\r\n\r\n`], ['zeros before the length', 'POST', `content-length: 000${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ['a length that Connection names', 'POST', `connection: content-length\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`], ['a coding that Connection names', 'POST', `connection: transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n${chunked(HIDDEN)}`],
]

/** Paths that leave where they begin, or that two could read differently. */
export const ESCAPES = [
  '/../x', '/a/../../x', '/..', '/a/..', '/./x', '/.', '/%2e%2e/x', '/%2E%2e/x', '/.%2e/x', '/%2e./x', '/%2e', '/a/%2e%2e%2fx', '/..%2fx', '/..%2Fx', '/a%2f..%2fx', '/..%5cx', '/..%5Cx', '/a%5c..%5cx',
  '/..\\x', '\\..\\x', '/..;/x', '/..;a=b/x', '/..%3b/x', '/%2e%2e%3Bx/y', '/.;/x', '//../x', '/..//x', '/a/%00/x', '/x%00.json', '/x;y', '/x;../y', '/x#y', '/%', '/%2', '/%zz', '/%u002e%u002e/x', '/%ff', '/x/%c0%ae%c0%ae/y', '/%E9', '/%ed%a0%80',
]

/** Paths that only look like such. */
export const HARMLESS = ['/...', '/a..b', '/..a', '/a..', '/.well-known/x', '/x?y=/../z', '/x?y=..%2f..', '/x?y=a;b', '/a%2Fb', '/x?//evil.test', '/@evil.test', '/:80', '/http:/evil.test', '/caf%C3%A9', '/x%20y', '/%252e%252e/x', '/a%252fb']

/** Targets that name another origin, or only begin like the prefix of an upstream. */
export const ELSEWHERE = ['//evil.test/x', '///evil.test/x', 'http://evil.test/x', 'http://x@evil.test/x', 'http://evil.test:80/x', 'https://evil.test/x', 'ftp://x/x', 'evil.test:80/x', '@evil.test/x', '*', '?x', 'x', '/declared-extra', '/declaredx', '/pass-extra/x', '/passx', '/pass%2Fx', '/pass%2f..%2fx', '/%2Fpass/x', '/declared%2Fx', '/DECLARED/x', '/Pass/x', '//', '/.host-0/x', '/%2ehost-0/x', '/.refused', 'http://x/.host-0/pass/x']

/** Hosts that only look like `local.test` and `*.wild.test`. */
export const NOT_OURS = [
  'evillocal.test', 'evillocal.test:3000', 'local.test.evil', 'local.testx', 'local.test-x', 'xlocal.test', 'local', 'test', '.local.test', 'local..test', 'local.test..', 'wild.test', '.wild.test', 'xwild.test', 'a.b.wild.test', 'a.wild.test.evil', '*.wild.test', '*',
  'local.test@evil', 'evil@local.test', 'evil/local.test', 'local.test/evil', 'evil#local.test', 'evil?local.test', 'evil\\local.test', 'local.test,evil', 'evil,local.test', 'evil local.test', 'evil\tlocal.test', 'local.test:', 'local.test:x', 'local.test:80:80', 'local.test:999999', 'local.test:-1', 'local.test:80@evil',
  '[local.test]', '[::1', '::1', '[::1]x', '%6cocal.test', 'local%2etest', 'l\xf6cal.test', 'local.test\x7f', '"local.test"', '-local.test', '__proto__', 'constructor', '', '-',
]

/** Heads that name two hosts, or none. */
export const CONTRADICTIONS: [string, string][] = [
  ['two hosts', 'GET /x HTTP/1.1\r\nhost: local.test\r\nhost: other.test\r\n'], ['two equal hosts', 'GET /x HTTP/1.1\r\nhost: local.test\r\nHOST: local.test\r\n'], ['two hosts, the second in capitals', 'GET /x HTTP/1.1\r\nhost: other.test\r\nHost: local.test\r\n'],
  ['another authority in the target', 'GET http://local.test/x HTTP/1.1\r\nhost: other.test\r\n'], ['a port in the target alone', 'GET http://local.test:81/x HTTP/1.1\r\nhost: local.test\r\n'], ['userinfo in the target', 'GET http://other.test@local.test/x HTTP/1.1\r\nhost: local.test\r\n'],
  ['userinfo in both', 'GET http://other.test@local.test/x HTTP/1.1\r\nhost: other.test@local.test\r\n'], ['a target without a host header', 'GET http://local.test/x HTTP/1.1\r\n'], ['a backslash in the authority', 'GET http://local.test\\@other.test/x HTTP/1.1\r\nhost: local.test\r\n'],
  ['no host', 'GET /x HTTP/1.1\r\n'], ['a folded host', 'GET /x HTTP/1.1\r\nhost: other.test\r\n local.test\r\n'], ['a space before the colon', 'GET /x HTTP/1.1\r\nhost : local.test\r\n'],
]

/** Fields by which a stranger could tell of client, scheme and host. */
export const LIES: [string, string][] = [
  ['x-forwarded-for', '6.6.6.6'], ['x-forwarded-proto', 'https'], ['x-forwarded-host', 'evil.test'], ['x-forwarded-port', '666'], ['x-forwarded-prefix', '/evil'], ['x-forwarded-server', 'evil'], ['x-forwarded-by', 'evil'], ['x-forwarded-scheme', 'evil'], ['x-forwarded-ssl', 'evil'],
  ['forwarded', 'for=6.6.6.6;host=evil.test;proto=https'], ['x-real-ip', '6.6.6.6'], ['true-client-ip', '6.6.6.6'], ['x-original-url', '/evil'], ['x-rewrite-url', '/evil'], ['via', '1.1 evil'], ['x-gatehouse-mirror', 'evil'], ['x-request-id', 'evil'],
  ...['x-http-host-override', 'x-host-override', 'x-script-name', 'x-url-scheme', 'x-scheme', 'forwarded-for', 'forwarded-host', 'forwarded-proto', 'x-forwarded', 'x-forwarded-protocol', 'x-forwarded-path', 'x-proxyuser-ip', 'x-true-client-ip', 'x-original-proto'].map((name): [string, string] => [name, 'evil']),
  ...['front-end-https', 'x-host', 'x-original-host', 'x-original-forwarded-for', 'cf-connecting-ip', 'fastly-client-ip', 'x-client-ip', 'x-cluster-client-ip', 'x-azure-clientip', 'x-azure-socketip', 'client-ip'].map((name): [string, string] => [name, 'evil']),
]

/** Names that a CGI or WSGI backend cannot tell from the gateway's own. */
export const SPOOFED = ['X_User', 'x_user', 'X_USER', 'X_Forwarded_For', 'x_forwarded-for', 'X-Forwarded_Proto', 'X_Real_IP', 'X_Original_URL', 'X_Gatehouse_Mirror']
