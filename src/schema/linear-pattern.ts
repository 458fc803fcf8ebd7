import { createRequire } from 'node:module'
import type { AST } from '@eslint-community/regexpp'

const require = createRequire(import.meta.url)
/** RE2, a regular expression engine that runs in linear time; loaded with the first pattern that needs it. */
export const re2js = (): typeof import('re2js') => require('re2js')

/** The pattern uses a feature that RE2 does not have; the message names it. */
export class NotLinear extends Error {}

/** Largest repetition count; nested counts multiply. */
const MOST_REPETITIONS = 1000
// ECMA-262, sections 12.2 and 12.3; in RE2, `\s` is ASCII only, and `.` excludes only the line feed
const SPACES = '\\t-\\r\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}'
const NO_SPACES =
  '\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}'
const ANY = '[^\\n\\r\\x{2028}\\x{2029}]'

/**
 * Translates a pattern of ECMAScript to RE2, with the same meaning.
 * @throws NotLinear  when it has lookaround, a backreference or another feature that RE2 lacks
 */
export function linearPattern(pattern: AST.Pattern): string {
  return choice(pattern.alternatives, 1)
}

const choice = (alternatives: readonly AST.Alternative[], repeated: number): string =>
  alternatives.map(({ elements }) => elements.map((element) => write(element, repeated)).join('')).join('|')

function write(element: AST.Element, repeated: number): string {
  switch (element.type) {
    case 'Character':
      return character(element.value)
    case 'CharacterSet':
      return characterSet(element, false)
    case 'CharacterClass':
      return characterClass(element)
    case 'CapturingGroup':
      return `(?:${choice(element.alternatives, repeated)})`
    case 'Group':
      if (element.modifiers) throw new NotLinear('modifiers')
      return `(?:${choice(element.alternatives, repeated)})`
    case 'Quantifier':
      return repetition(element, repeated)
    case 'Assertion':
      return assertion(element)
    case 'Backreference':
      throw new NotLinear('a backreference')
    default:
      throw new NotLinear('set operations')
  }
}

function repetition({ min, max, element }: AST.Quantifier, repeated: number): string {
  const times = repeated * Math.max(min, Number.isFinite(max) ? max : 1, 1)
  if (times > MOST_REPETITIONS) throw new NotLinear(`more than ${MOST_REPETITIONS} repetitions`)
  const count = Number.isFinite(max) ? `{${min},${max}}` : min === 0 ? '*' : `{${min},}`
  return `(?:${write(element, times)})${count}`
}

function assertion(element: AST.Assertion): string {
  switch (element.kind) {
    case 'start':
      return '\\A'
    case 'end':
      return '\\z'
    case 'word':
      return element.negate ? '\\B' : '\\b'
    default:
      throw new NotLinear(`a ${element.kind}`)
  }
}

function character(value: number): string {
  if (value >= 0xd800 && value <= 0xdfff) throw new NotLinear('half a surrogate pair')
  const text = String.fromCodePoint(value)
  return /[0-9A-Za-z]/.test(text) ? text : `\\x{${value.toString(16)}}`
}

function characterSet(set: AST.CharacterSet, inClass: boolean): string {
  switch (set.kind) {
    case 'any':
      return ANY
    case 'digit':
      return set.negate ? '\\D' : '\\d'
    case 'word':
      return set.negate ? '\\W' : '\\w'
    case 'space':
      return inClass ? (set.negate ? NO_SPACES : SPACES) : `[${set.negate ? '^' : ''}${SPACES}]`
    case 'property':
      return property(set)
  }
}

const known = new Map<string, boolean>()

function property({ key, value, negate }: AST.UnicodePropertyCharacterSet): string {
  const name = value ?? key
  if (value !== null && !['General_Category', 'gc', 'Script', 'sc'].includes(key)) {
    throw new NotLinear(`the property ${key}`)
  }
  const written = `\\${negate ? 'P' : 'p'}{${name}}`
  let understood = known.get(name)
  if (understood === undefined) {
    try {
      understood = re2js().RE2JS.compile(written) !== undefined
    } catch {
      understood = false
    }
    known.set(name, understood)
  }
  if (!understood) throw new NotLinear(`the property ${name}`)
  return written
}

function characterClass({ negate, elements }: AST.CharacterClass): string {
  if (elements.length === 0) return negate ? '[\\x{0}-\\x{10ffff}]' : '[^\\x{0}-\\x{10ffff}]'
  const parts = elements.map((element) => {
    switch (element.type) {
      case 'Character':
        return character(element.value)
      case 'CharacterClassRange':
        return `${character(element.min.value)}-${character(element.max.value)}`
      case 'CharacterSet':
        return characterSet(element, true)
      default:
        throw new NotLinear('set operations')
    }
  })
  return `[${negate ? '^' : ''}${parts.join('')}]`
}
