import { createRequire } from 'node:module'
import type { AST, RegExpParser } from '@eslint-community/regexpp'
import type { RE2JS } from 're2js'
import { linearPattern, re2js } from './linear-pattern.ts'

/** A regular expression that takes linear time, whatever the text. */
export interface SafePattern {
  test(text: string): boolean
  /** Tells patterns apart. */
  toString(): string
}

/** Longest pattern that is taken, and longest one that the analyser of repeated groups gets. Characters. */
const LONGEST_PATTERN = 20_000
const LONGEST_ANALYSED = 128
/** Ways in which V8's engine may try a text of any length, and one that is not long. */
const FEW_WAYS = 8
const SOME_WAYS = 64
/** Texts above this are long. Characters. */
const LONG = 4096
/** Milliseconds that the analyser may take, all patterns of the process together. */
const ANALYSIS_TIME = 10_000
/** How many patterns are remembered. */
const REMEMBERED = 20_000

const require = createRequire(import.meta.url)
/**
 * Packages that only some schemas need: 7 MB for the analyser of repeated groups alone. All are loaded while a schema
 * is compiled.
 */
const regexpp = (): typeof import('@eslint-community/regexpp') => require('@eslint-community/regexpp')
const scslre = (): typeof import('scslre') => require('scslre')

let parser: RegExpParser | undefined
const remembered = new Map<string, SafePattern | string>()
let analysisTime = 0

/**
 * The safe form of a pattern of a JSON Schema.
 * @param source  ECMAScript, with the flag `u` (JSON Schema, section 4.3.3), or without it when it is none with it
 * @throws Error  that says what to write instead
 */
export function safePattern(source: string): SafePattern {
  const found = lookUp(source)
  if (typeof found === 'string') throw new Error(`the pattern ${JSON.stringify(source.slice(0, 100))} ${found}`)
  return found
}

/** What is wrong with a pattern, in words; null when it can run safely. Takes microseconds for nearly all. */
export function patternMistake(source: string): string | null {
  const found = lookUp(source)
  return typeof found === 'string' ? found : null
}

/** What Ajv makes regular expressions with. */
export const SAFE_PATTERNS = Object.assign((source: string): SafePattern => safePattern(source), {
  code: 'safePattern',
})

function lookUp(source: string): SafePattern | string {
  let found = remembered.get(source)
  if (found === undefined) {
    if (remembered.size >= REMEMBERED) remembered.clear()
    remembered.set(source, (found = judge(source)))
  }
  return found
}

function judge(source: string): SafePattern | string {
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

/** V8's engine where it takes linear time, which is ten times as fast, and else one that always does. */
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
  return `may take endless time, and as it has ${linear} it cannot be run in another way: write it without, or with fewer repetitions, for example with "maxLength" and several patterns in "allOf"`
}

/** Whether the analyser finds no text that takes more than linear time. It gets only what it is quick with. */
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

/** Backreferences, and repetitions that are bounded but many, which the analyser overlooks. */
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

/** Leaves long texts to the linear engine; one that no engine can be trusted with does not match. */
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

/** How many repetitions are taken off one edge; one by one, since each may lay another bare. */
const MOST_STEPS = 10

/**
 * A pattern that finds something in the same texts with less work. A schema only asks whether there is a match
 * anywhere: then a repetition at the very beginning or end of an alternative never needs more than its least count.
 * `[a-z]+@.{0,1023}` is `[a-z]@`.
 * @param parse  reads a pattern
 * @returns the pattern itself when there is nothing to take off
 */
function withoutEdges(source: string, parse: (source: string) => AST.Pattern): string {
  // what a group has matched may be asked for again
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

/**
 * What a backtracking engine may have to do for a pattern, read from its structure: never too little, often too much.
 */
interface PatternCost {
  /** Time grows at most as the length of the text to this power; Infinity when the structure cannot tell. */
  degree: number
  /** By how much it grows besides: in how many ways the parts of bounded length can match. */
  ways: number
}

/** Repetitions up to this many are counted as ways, more of them as growth. */
const FEW = 4
const UNKNOWN: PatternCost = { degree: Infinity, ways: Infinity }

/**
 * Each repetition of one character adds a degree, since any two of them may trade characters; a repeated group is only
 * understood when it can match in one way. A pattern that is not anchored begins anew at every character.
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
    // what a lookaround has matched is never tried in another way (ECMA-262, section 22.2.2.4)
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

/** One to a text of any length is compared anew in every way. */
function costOfBackreference({ resolved }: AST.Backreference): PatternCost {
  for (const group of [resolved].flat()) if (costOfChoice(group.alternatives).degree > 0) return UNKNOWN
  return { degree: 0, ways: 1 }
}
