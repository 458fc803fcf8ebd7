import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressKey } from '../../src/limits/limit-key.ts'

const KEYS: [string, string][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:0201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.2', '192.0.2.2'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:0002::', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['2001:db8::', '2001:db8:0:0::/64'],
]
for (const [address, key] of KEYS) test(`${address} is counted as ${key}`, () => assert.equal(addressKey(address), key))

test('the networks that 6to4 gives an IPv4 address count as that address', () => {
  for (const address of ['2002:c000:0201::1', '2002:c000:201:ffff::1', '2002:c000:201:1:2:3:4:5']) {
    assert.equal(addressKey(address), '192.0.2.1', address)
  }
  assert.equal(addressKey('2003:c000:201::1'), '2003:c000:201:0::/64')
})
