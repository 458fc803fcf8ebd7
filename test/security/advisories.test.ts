import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ConfigSchema } from '../../src/config/config-schema.ts'

/** Attacks that gateways on Node have fallen to, and the test that sees to the same not happening here. */
const TESTS: [advisories: string, file: string, title: string][] = [
  ['GHSA-v574-6498-x57v', 'security/path-confusion', 'target and path are never glued together'],
  [
    'reply-from before 12.6.2',
    'security/header-trust',
    'Connection takes away what the client sent, never what the gateway adds',
  ],
  ['GHSA-2q7r-29rg-6m5h', 'security/path-confusion', 'a dot segment in any spelling is refused'],
  [
    'GHSA-qmw8-3v4g-gwj4, GHSA-c4qr-gmr9-v23w',
    'security/path-confusion',
    'a target that names another origin or only begins like a prefix goes nowhere, upgrades included',
  ],
  ['GHSA-v2v2-hph8-q5xp', 'security/content-type-confusion', 'the type that was checked is the type that is sent'],
  [
    'CVE-2026-25223, CVE-2026-3419, CVE-2022-39288, CVE-2022-41919',
    'security/content-type-confusion',
    'a body is let in as JSON only when its type is that to the last character',
  ],
  [
    'CVE-2026-3635',
    'security/header-trust',
    'what a stranger says about client, scheme and host never reaches the upstream',
  ],
  [
    'CVE-2026-2880, CVE-2026-33808, CVE-2026-22037',
    'security/auth-bypass',
    'no spelling of a guarded path reaches the backend through the open pass-through',
  ],
  [
    'CVE-2026-6414, CVE-2026-6321',
    'security/auth-bypass',
    'no encoding that backends decode before they route hides a guarded path',
  ],
  ['CVE-2026-55602', 'security/host-confusion', 'a host is matched whole'],
  ['CVE-2026-55603', 'security/content-type-confusion', 'a multipart body is relayed byte by byte'],
  ['CVE-2024-21536', 'security/known-attacks', 'no error answer tells of addresses, stacks or libraries'],
  [
    'CVE-2025-32996',
    'security/content-type-confusion',
    'what a backend could read differently is not let through as checked',
  ],
  [
    'CVE-2026-1525 of requests',
    'security/request-smuggling',
    'a request whose framing can be read in two ways is never two requests',
  ],
  ['CVE-2026-1525 of responses', 'proxy/forwarding', 'an upstream that answers $'],
  ['CVE-2026-22036', 'security/hostile-upstreams', 'thousands of content codings are passed on'],
  ['CVE-2026-2229', 'security/hostile-upstreams', 'extensions that a WebSocket service gets wrong'],
  ['CVE-2026-2581', 'security/hostile-upstreams', 'an endless response that several share'],
  [
    'CVE-2026-48931',
    'proxy/forwarding',
    'a second response staged on an idle connection is never given to the next request',
  ],
  ['CVE-2026-21710', 'security/known-attacks', 'headers named after object internals harm nobody'],
  ['CVE-2026-21714', 'security/hostile-upstreams', 'an HTTP/2 target that overflows a window'],
  [
    'CVE-2026-44578',
    'security/host-confusion',
    'only Host routes: forwarded hosts, an internal prefix and the target of an upgrade have no say',
  ],
  ['CVE-2026-35039, CVE-2026-35042', 'security/auth-bypass', 'a token that shares a part with one that was verified'],
  ['CVE-2026-30827', 'security/header-trust', 'one client is one client to a limit, however its address is written'],
  ['http-proxy issue 460', 'proxy/forwarding', 'answers 502 when every target refuses, and stays alive under a burst'],
  [
    'reply-from issues 328, 419, 424, 428',
    'security/known-attacks',
    'clients that abort at every phase leave the gateway alive',
  ],
  ['reply-from issue 385', 'upstream/http2-target', 'a target that goes away politely under load fails no request'],
  ['traefik issue 13706', 'security/header-trust', 'a limit that routes share is one limit'],
]

test('each advisory has its test', () => {
  for (const [advisories, file, title] of TESTS) {
    const text = readFileSync(new URL(`../${file}.test.ts`, import.meta.url), 'utf8').replaceAll("\\'", "'")
    assert.ok(
      ["'", '`', '"'].some((quote) => text.includes(`test(${quote}${title}`)),
      `${advisories}: ${file} has no test "${title}"`,
    )
  }
})

test('a listener without TLS has no callback for SNI that could throw', () => {
  // the day it speaks TLS, CVE-2026-21637 needs a test: a handshake that fails costs nobody else anything
  assert.deepEqual(
    Object.keys(ConfigSchema.properties.listener.properties).filter((name) => /tls|https|sni|cert/i.test(name)),
    [],
  )
})
