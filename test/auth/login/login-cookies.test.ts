import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoginCookies } from '../../../src/auth/login/login-cookies.ts'
import { loginOrigin } from '../../../src/auth/login/login-scheme.ts'
import { SealedText } from '../../../src/auth/login/login-session.ts'

const cookies = (more: object = {}): LoginCookies =>
  new LoginCookies({ cookie: { name: 's', sameSite: 'lax', secure: 'auto', ...more }, logoutPath: '/out' } as never)
const none = { headers: {} }
/** The request of a browser that has been given these. */
const carrying = (set: readonly string[]) => ({
  headers: { cookie: set.map((value) => value.split(';', 1)[0]).join('; ') },
})

test('a session comes back as it was set, however long, and an older longer one leaves nothing behind', () => {
  const own = cookies()
  for (const length of [1, 3799, 3800, 7599, 11_399]) {
    const sealed = 'x'.repeat(length)
    const set = own.setSession(sealed, 60, none, false)
    for (const cookie of set) {
      assert.ok(
        cookie.length < 4096 && cookie.includes('HttpOnly') && cookie.includes('SameSite=Lax'),
        cookie.slice(-80),
      )
    }
    assert.equal(own.session(carrying(set), false), sealed, String(length))
  }
  assert.throws(() => own.setSession('x'.repeat(11_400), 60, none, false), /does not fit/)
  const long = carrying(own.setSession('x'.repeat(9000), 60, none, false))
  const set = own.setSession('short', 60, long, false)
  assert.equal(set.length, 3)
  assert.deepEqual(
    set.slice(1).map((cookie) => /Max-Age=0/.test(cookie)),
    [true, true],
  )
})

test('over https the names keep neighbours out, and what was set over http does not count', () => {
  const own = cookies()
  const [set] = own.setSession('abc', 60, none, true)
  assert.match(set!, /^__Host-s=1abc; .*Secure/)
  assert.equal(own.session(carrying([set!]), true), 'abc')
  assert.equal(own.session({ headers: { cookie: 's=1abc' } }, true), null)
  assert.match(
    cookies({ domain: 'home.example' }).setSession('abc', 60, none, true)[0]!,
    /^__Secure-s=1abc; .*Domain=home\.example/,
  )
  assert.ok(
    ['s', 's.1', 's-login', 's-hint', '__Host-s', '__Host-s.2', '__Secure-s-hint'].every((name) =>
      own.names.includes(name),
    ),
    own.names.join(),
  )
})

test('parts that are missing, or a count that is none, are no session', () => {
  const own = cookies()
  for (const cookie of ['s=2abc', 's=0abc', 's=4abc', 's=abc', 's=', 'x=1abc']) {
    assert.equal(own.session({ headers: { cookie } }, false), null, cookie)
  }
})

test('where a browser is: as the request says, or as publicUrl does, and never an address that nobody can have', () => {
  const of = (settings: object) => loginOrigin({ cookie: { secure: 'auto' }, ...settings } as never)
  const request = (host: string, protocol = 'http') => ({ host, protocol, headers: { host } }) as never
  assert.deepEqual(of({})(request('a.test:3000')), {
    login: 'http://a.test:3000',
    page: 'http://a.test:3000',
    secure: false,
  })
  assert.deepEqual(of({})(request('a.test', 'https')), {
    login: 'https://a.test',
    page: 'https://a.test',
    secure: true,
  })
  assert.deepEqual(of({ publicUrl: 'https://home.example' })(request('evil.example')), {
    login: 'https://home.example',
    page: 'https://home.example',
    secure: true,
  })
  const shared = of({ publicUrl: 'https://home.example', cookie: { secure: 'auto', domain: 'home.example' } })
  assert.equal(shared(request('wiki.home.example')).page, 'https://wiki.home.example')
  assert.equal(shared(request('evilhome.example')).page, 'https://home.example')
  for (const host of ['a.test/path', 'a@b', 'a b', '']) {
    assert.throws(() => of({})(request(host)), { code: 'GW_BAD_HOST' }, host)
  }
})

test('sealed texts open for the same purpose and secret alone, an older secret too', () => {
  const [old, fresh] = ['an older secret, long enough for tests', 'a newer secret, long enough for tests']
  const sealed = new SealedText([old], 'session').seal('text äöü')
  assert.equal(new SealedText([fresh, old], 'session').open(sealed), 'text äöü')
  assert.equal(new SealedText([fresh], 'session').open(sealed), null)
  assert.equal(new SealedText([old], 'state').open(sealed), null)
  for (const bad of ['', 'x', sealed.slice(1), `${sealed.slice(0, -1)}${sealed.endsWith('A') ? 'B' : 'A'}x`]) {
    assert.equal(new SealedText([old], 'session').open(bad), null)
  }
  assert.notEqual(new SealedText([old], 'session').seal('a'), new SealedText([old], 'session').seal('a'))
})
