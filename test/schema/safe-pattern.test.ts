import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileSchema, schemaMistakes } from '../../src/schema/schema-validator.ts'
import { patternMistake, safePattern } from '../../src/schema/safe-pattern.ts'

/** Patterns that hold up a backtracking engine, and texts that do it. */
const ATTACKS: [string, string][] = [
  ['^(a+)+$', 'a'],
  ['^([a-zA-Z]+)*$', 'a'],
  ['^(a|aa)+$', 'a'],
  ['^(a|a?)+$', 'a'],
  ['(.*a){12}', 'a'],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'],
  ['(x+x+)+y', 'x'],
  ['\\s+$', ' '],
  ['a+b', 'a'],
  ['^\\w+([.-]?\\w+)*@\\w+([.-]?\\w+)*(\\.\\w{2,3})+$', 'a'],
  ['^(?:a|aa|aaa){1,200}(?:a|aa){1,200}$', 'a'],
  ['(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)$', 'a'],
  ['^.*.*.*=$', '='],
  ['^\\d+\\d+\\d+x$', '1'],
  ['^(.{0,900}){0,1}.{0,900}.{0,900}x$', 'a'],
]

test('patterns that could take endless time take little, and mean the same', { timeout: 120_000 }, () => {
  for (const [source, character] of ATTACKS) {
    const pattern = safePattern(source)
    const short = character.repeat(8)
    for (const text of [short, `${short}!`, `${short}b`, '', 'y', `${short}y`]) {
      assert.equal(pattern.test(text), new RegExp(source, 'u').test(text), `${source} ${text}`)
    }
    pattern.test(`${character.repeat(1 << 20)}!`)
  }
})

test('what the linear engine spells otherwise means the same', () => {
  const texts = [
    '',
    'a',
    'aB',
    '\u00a0',
    '\u2028',
    'a\nb',
    'é',
    '😀',
    'x-y',
    '/',
    '\v',
    '12',
    'ß_',
    '\ufeff',
    '\0',
    'Ω',
    '𝒳',
    '\r',
  ]
  for (const inner of [
    '.',
    '\\s',
    '\\S',
    '[\\s\\S]',
    '[^\\s]',
    '\\w',
    '\\W',
    '\\d',
    '[^]',
    '[a-z\\-/]',
    '\\u00e9',
    '\\u{1f600}',
    '\\ud83d\\ude00',
    '\\x2d',
    '\\p{L}',
    '\\P{Lu}',
    '\\p{Script=Greek}',
    '[^\\p{L}]',
    '\\v',
    '\\0',
    '\\/',
    '\\cM',
    '[\\b]',
    '(?<n>a)',
  ]) {
    // a group that repeats is left to the linear engine
    const source = `^(?:(?:${inner})+)+$`
    const pattern = safePattern(source)
    assert.ok(!(pattern instanceof RegExp), source)
    for (const text of texts) {
      assert.equal(pattern.test(text), new RegExp(source, 'u').test(text), `${source} ${JSON.stringify(text)}`)
    }
  }
  assert.equal(safePattern('^(?:\\ba)+\\B$').test('a'), /^(?:\ba)+\B$/u.test('a'))
  assert.equal(safePattern('(a+)+$').test('a\n'), false)
})

test('patterns that only a backtracking engine can run are taken when they are harmless, and else refused with advice', () => {
  for (const source of [
    '^(?!-)[a-z0-9-]{1,63}$',
    '^(?=.*[A-Z])(?=.*\\d).{8,}$',
    '^(["\']).*\\1$',
    '^(?!.*--)[a-z]+(?:-[a-z]+)*$',
    '^(?:[A-Z]{1,3}(?!X))?$',
  ]) {
    assert.equal(patternMistake(source), null, source)
  }
  for (const source of [
    '^(?=(a+)+$)',
    '^(a+)+(?!b)$',
    '^(a+)\\1+$',
    '^(?:(?=a*)a*)*b',
    `^${'('.repeat(30)}a*${')*'.repeat(30)}(?!x)`,
    '(?=a).{0,4000}.{0,4000}x',
  ]) {
    assert.match(patternMistake(source)!, /write it without/, source)
  }
  assert.throws(() => safePattern('('), /not a regular expression/)
  assert.match(patternMistake('a'.repeat(30_000))!, /longer than/)
})

test('what a pattern needs not look at, at its edges, is left out, and it finds the same', () => {
  for (const source of [
    '\\S{1,8192}',
    'arn:[a-z]{1,63}:[^/].{0,1023}',
    '^(?!:).*[^\\s].*',
    '[a-z]{2,3000}',
    'a|b{0,5000}',
  ]) {
    assert.equal(patternMistake(source), null, source)
  }
  assert.ok(safePattern('^[a-z]+.*') instanceof RegExp)
  assert.match(patternMistake('(?!x).{0,4000}(a+)+\\1')!, /write it without/)
  const atoms = ['a', 'b', '[ab]', '.', '(?:ab|b)', '(?:a|b+)', '^', '$', '\\b', '(?=b)', '(?<!a)', '(?:a(?!b))', '(a)']
  const counts = ['', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?']
  let state = 7
  const pick = <T>(from: readonly T[]): T =>
    from[(state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % from.length]!
  const texts = Array.from({ length: 60 }, (_, i) =>
    Array.from({ length: i % 7 }, () => pick(['a', 'b', 'c', ' '])).join(''),
  )
  for (let i = 0; i < 3000; i++) {
    const part = (): string =>
      Array.from({ length: 1 + (i % 4) }, () => {
        const atom = pick(atoms)
        return /^(\^|\$|\\b|\(\?[=<])/.test(atom) ? atom : atom + pick(counts)
      }).join('')
    const source = i % 3 === 0 ? `${part()}|${part()}` : part()
    if (patternMistake(source) !== null) continue
    const [pattern, original] = [safePattern(source), new RegExp(source, 'u')]
    for (const text of texts) assert.equal(pattern.test(text), original.test(text), `${source} ${JSON.stringify(text)}`)
  }
})

test('the common patterns stay with the engine that is quickest', () => {
  for (const source of [
    '^[A-Z]{3}$',
    '^[A-Z]+-[0-9]{4}$',
    '^[0-9a-f]{8}-[0-9a-f]{4}$',
    '^.*$',
    '^(?:a|b|c)$',
    '^\\S+$',
  ]) {
    assert.ok(safePattern(source) instanceof RegExp, source)
  }
})

test('hostile patterns are judged in little time', { timeout: 120_000 }, () => {
  for (const source of [
    `${'('.repeat(150)}a*${')*'.repeat(150)}`,
    '[\\w.]*'.repeat(40),
    '(?:(?=a*)a*)*'.repeat(20),
    '(?:a{1000}){1000}',
    `${'('.repeat(5000)}a${')'.repeat(5000)}`,
    `(?!x)${'(a|b|ab)*c'.repeat(100)}`,
  ]) {
    patternMistake(source)
  }
  for (let i = 0; i < 3000; i++) patternMistake(`^[a-z]{${i}}(-[a-z]+)*$`)
})

test('schemas written by hand have safe patterns too', { timeout: 60_000 }, () => {
  const validate = compileSchema(
    { type: 'object', properties: { p: { pattern: '^(a+)+$' } }, patternProperties: { '^(b+)+$': { type: 'number' } } },
    'json',
    true,
  )
  assert.equal(validate({ p: 'aaa', bbb: 1 }), true)
  assert.equal(validate({ p: `${'a'.repeat(1 << 20)}!`, [`${'b'.repeat(1 << 16)}!`]: 'x' }), false)
  assert.equal(validate({ bbb: 'x' }), false)
  assert.match(schemaMistakes({ pattern: '^(a+)+(?!b)$' })[0]!, /write it without/)
})
