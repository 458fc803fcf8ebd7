import { createRequire } from 'node:module'
import type { AST, RegExpParser } from '@eslint-community/regexpp'
import type { RE2JS } from 're2js'
import { linearPattern, re2js } from './linear-pattern.ts'
import { patternCost } from './pattern-cost.ts'
import { withoutEdges } from './pattern-edges.ts'

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

function isPattern(source: string, flags: string): boolean {
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
