import { createRequire } from 'node:module'
import type { AST, RegExpParser } from '@eslint-community/regexpp'
import type { RE2JS } from 're2js'
import { linearPattern, re2js } from './linear-pattern.ts'

/** A regular expression that runs in linear time for any text. */
export interface SafePattern {
  test(text: string): boolean
  /** The pattern as text, by which Ajv distinguishes patterns. */
  toString(): string
}

/** Longest pattern that is accepted, and longest that the analyser of repeated groups gets, in characters. */
const LONGEST_PATTERN = 20_000
const LONGEST_ANALYSED = 128
/** Most ways of matching with which V8's engine is used: for texts of any length, and for short texts. */
const FEW_WAYS = 8
const SOME_WAYS = 64
/** Texts with more characters are long. */
const LONG = 4096
/** Total time for the analyser, for all patterns of the process, in milliseconds. */
const ANALYSIS_TIME = 10_000
/** Most patterns in the cache. */
const REMEMBERED = 20_000

const require = createRequire(import.meta.url)
/** Packages that only some schemas need (the analyser takes 7 MB); loaded when such a schema is compiled. */
const regexpp = (): typeof import('@eslint-community/regexpp') => require('@eslint-community/regexpp')
const scslre = (): typeof import('scslre') => require('scslre')

let parser: RegExpParser | undefined
const remembered = new Map<string, SafePattern | string>()
let analysisTime = 0

/**
 * Makes the safe form of a pattern in a JSON Schema.
 * @param source  ECMAScript with the flag `u` (JSON Schema, section 4.3.3), or without it when only that is valid
 * @throws Error  with advice on what to write instead
 */
export function safePattern(source: string): SafePattern {
  const found = lookUp(source)
  if (typeof found === 'string') throw new Error(`the pattern ${JSON.stringify(source.slice(0, 100))} ${found}`)
  return found
}

/** Describes why a pattern cannot run safely; null when it can. Takes microseconds for most patterns. */
export function patternMistake(source: string): string | null {
  const found = lookUp(source)
  return typeof found === 'string' ? found : null
}

/** The factory that Ajv creates regular expressions with. */
export const SAFE_PATTERNS = Object.assign((source: string): SafePattern => safePattern(source), {
  code: 'safePattern',
})

function lookUp(source: string): SafePattern | string {
  let found = remembered.get(source)
  if (found === undefined) {
    if (remembered.size >= REMEMBERED) remembered.clear()
    remembered.set(source, (found = examine(source)))
  }
  return found
}

function examine(source: string): SafePattern | string {
  if (source.length > LONGEST_PATTERN) {
    return `is longer than ${LONGEST_PATTERN} characters: write "enum", or shorten it`
  }
  const flags = isPattern(source, 'u') ? 'u' : isPattern(source, '') ? '' : null
  if (flags === null) return 'is not a regular expression of ECMAScript'
  const reader = (parser ??= new (regexpp().RegExpParser)({ ecmaVersion: 2025 }))
  try {
    const parse = (text: string): AST.Pattern =>
      reader.parsePattern(text, undefined, undefined, { unicode: flags === 'u' })
    const searched = withoutEdges(source, parse)
    return choose(searched, flags, parse(searched))
  } catch (error) {
    return error instanceof RangeError
      ? 'nests too deep: write it with fewer groups'
      : `cannot be read: ${(error as Error).message}`
  }
}

/** Whether a text is a regular expression of ECMAScript. @param flags  `u`, or none */
export function isPattern(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp
  } catch {
    return false
  }
}

/** Chooses V8's engine when it is linear, since it is ten times as fast; otherwise RE2, which always is. */
function choose(source: string, flags: string, pattern: AST.Pattern): SafePattern | string {
  const { degree, ways } = patternCost(pattern)
  const native = new RegExp(source, flags)
  if (degree <= 1 && ways <= FEW_WAYS) return native
  let linear: LinearPattern | string
  try {
    linear = new LinearPattern(source, linearPattern(pattern))
  } catch (error) {
    linear = (error as Error).message
  }
  const isQuick = degree <= 1 && ways <= SOME_WAYS
  if (typeof linear !== 'string') return isQuick ? new SplitPattern(native, linear) : linear
  if (isQuick || isHarmless(source, flags, pattern)) return new SplitPattern(native, null)
  return `may take exponential time, and since it has ${linear}, it cannot run in linear time: write it without, or with fewer repetitions, for example with "maxLength" and several patterns in "allOf"`
}

/** Whether the analyser finds no text with more than linear time. It gets only patterns that it analyses quickly. */
function isHarmless(source: string, flags: string, pattern: AST.Pattern): boolean {
  if (
    source.length > LONGEST_ANALYSED ||
    analysisTime > ANALYSIS_TIME ||
    hasCounts(pattern) ||
    /(?:\([^)]*){6}/.test(source)
  ) {
    return false
  }
  const start = performance.now()
  try {
    return scslre().analyse({ source, flags }, { maxReports: 1, assumeRejectingSuffix: true }).reports.length === 0
  } catch {
    return false
  } finally {
    analysisTime += performance.now() - start
  }
}

/** Whether a pattern has backreferences or large bounded repetitions, which the analyser overlooks. */
function hasCounts({ raw }: AST.Pattern): boolean {
  return /\\[1-9k]/.test(raw) || [...raw.matchAll(/\{\d*,?(\d+)\}/g)].some(([, most]) => Number(most) > 4)
}

class LinearPattern implements SafePattern {
  readonly #source: string
  readonly #translated: string
  readonly #engine = re2js().RE2JS
  #compiled: RE2JS | null = null

  constructor(source: string, translated: string) {
    this.#source = source
    this.#translated = translated
  }

  test(text: string): boolean {
    this.#compiled ??= this.#engine.compile(this.#translated)
    return this.#compiled.test(text)
  }

  toString(): string {
    return `/${this.#source}/`
  }
}

/** Matches short texts with V8 and long ones with RE2. When RE2 cannot run the pattern, long texts never match. */
class SplitPattern implements SafePattern {
  readonly #native: RegExp
  readonly #linear: LinearPattern | null

  constructor(native: RegExp, linear: LinearPattern | null) {
    this.#native = native
    this.#linear = linear
  }

  test(text: string): boolean {
    return text.length <= LONG ? this.#native.test(text) : (this.#linear?.test(text) ?? false)
  }

  toString(): string {
    return this.#native.toString()
  }
}

/** Most rounds of shortening; removing one repetition may expose another. */
const MOST_STEPS = 10

/**
 * Shortens a pattern to one that matches the same texts with less work. A schema only asks whether there is a match
 * anywhere, so a repetition at the start or end of an alternative never needs more than its minimum: `[a-z]+@.{0,1023}`
 * becomes `[a-z]@`.
 * @param parse  parses a pattern
 * @returns the pattern itself when it cannot be shortened
 */
function withoutEdges(source: string, parse: (source: string) => AST.Pattern): string {
  // a backreference may need the whole match of a group
  if (/\\[1-9k]/.test(source)) return source
  let shorter = source
  for (let step = 0; step < MOST_STEPS; step++) {
    const before = shorter
    const edges = new Set(
      parse(before)
        .alternatives.flatMap(({ elements }) => [elements[0], elements.at(-1)])
        .filter((element) => element?.type === 'Quantifier'),
    )
    for (const { min, max, start, end, element } of [...edges].sort((one, other) => other.start - one.start)) {
      if (max > min) {
        shorter = shorter.slice(0, min === 0 ? start : element.end) + (min > 1 ? `{${min}}` : '') + shorter.slice(end)
      }
    }
    if (shorter === before) break
  }
  return shorter
}

/** An upper bound of the work that a backtracking engine has with a pattern, estimated from its structure. */
interface PatternCost {
  /** Time grows at most with the length of the text to this power; Infinity when unknown. */
  degree: number
  /** A constant factor besides: in how many ways the bounded parts can match. */
  ways: number
}

/** Repetitions up to this count are counted as ways, larger ones as growth. */
const FEW = 4
const UNKNOWN: PatternCost = { degree: Infinity, ways: Infinity }

/**
 * Each repetition of one character adds a degree, since two repetitions can divide a text in many ways. A repeated
 * group is bounded only if it can match in one way. A pattern without an anchor is tried again at every character.
 */
function patternCost(pattern: AST.Pattern): PatternCost {
  const { degree, ways } = costOfChoice(pattern.alternatives)
  const anchored = pattern.alternatives.every(
    ({ elements: [first] }) => first?.type === 'Assertion' && first.kind === 'start',
  )
  return { degree: anchored ? Math.max(degree, 1) : degree + 1, ways }
}

function costOfChoice(alternatives: readonly AST.Alternative[]): PatternCost {
  let degree = 0
  let ways = 0
  for (const { elements } of alternatives) {
    const cost = costOfSequence(elements)
    degree = Math.max(degree, cost.degree)
    ways += cost.ways
  }
  return { degree, ways }
}

function costOfSequence(elements: readonly AST.Element[]): PatternCost {
  let degree = 0
  let peak = 0
  let ways = 1
  for (const element of elements) {
    const cost = costOf(element)
    ways *= cost.ways
    // an engine does not backtrack into a lookaround (ECMA-262, section 22.2.2.4)
    if (isLookaround(element)) peak = Math.max(peak, degree + cost.degree)
    else degree += cost.degree
  }
  return { degree: Math.max(degree, peak), ways }
}

const isLookaround = (element: AST.Element): boolean =>
  element.type === 'Assertion' && (element.kind === 'lookahead' || element.kind === 'lookbehind')

function costOf(element: AST.Element): PatternCost {
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
      return costOfChoice(element.alternatives)
    case 'Assertion':
      return 'alternatives' in element ? costOfChoice(element.alternatives) : { degree: 0, ways: 1 }
    case 'Quantifier':
      return costOfRepetition(element)
    case 'Backreference':
      return costOfBackreference(element)
    case 'ExpressionCharacterClass':
      return UNKNOWN
    default:
      return { degree: 0, ways: 1 }
  }
}

function costOfRepetition({ min, max, element }: AST.Quantifier): PatternCost {
  const { degree, ways } = costOf(element)
  if (degree === 0 && ways === 1) {
    if (max === min) return { degree: 0, ways: 1 }
    return max - min < FEW ? { degree: 0, ways: max - min + 1 } : { degree: 1, ways: 1 }
  }
  if (max > FEW) return UNKNOWN
  return { degree: degree * max, ways: (max === min ? ways : ways + 1) ** max }
}

/** A backreference to a group of unbounded length is compared again for every way of matching. */
function costOfBackreference({ resolved }: AST.Backreference): PatternCost {
  for (const group of [resolved].flat()) if (costOfChoice(group.alternatives).degree > 0) return UNKNOWN
  return { degree: 0, ways: 1 }
}
