/** Keys and places in lists that lead from the top of a file to a part of it. */
export type TextPath = readonly (string | number)[]

/** The paths that lead through one value: those that end here, and those that go on. */
interface Wanted {
  ends: number[]
  steps: Map<string, Wanted>
}

/**
 * Finds the lines of parts of a JSON text in one pass that skips everything else. The YAML parser, which knows
 * positions, takes seconds where `JSON.parse` takes milliseconds.
 * @param text  valid JSON
 */
export function jsonLines(text: string, paths: readonly TextPath[]): number[] {
  const root: Wanted = { ends: [], steps: new Map() }
  paths.forEach((path, index) => {
    let wanted = root
    for (const step of path) {
      let next = wanted.steps.get(String(step))
      if (!next) wanted.steps.set(String(step), (next = { ends: [], steps: new Map() }))
      wanted = next
    }
    wanted.ends.push(index)
  })
  return new JsonScan(text, paths.length).run(root)
}

/** The position after a string of a valid JSON text. @param start  of its first quote */
export function endOfString(text: string, start: number): number {
  let end = start
  for (let slashes = 1; slashes % 2 === 1;) {
    end = text.indexOf('"', end + 1)
    for (slashes = 0; text[end - 1 - slashes] === '\\'; slashes++);
  }
  return end + 1
}

class JsonScan {
  readonly #text: string
  readonly #lines: number[]
  #at = 0
  #line = 1
  /** Up to where lines have been counted. */
  #counted = 0

  constructor(text: string, paths: number) {
    this.#text = text
    this.#lines = Array(paths).fill(1)
  }

  run(root: Wanted): number[] {
    this.#skipSpace()
    this.#value(root)
    return this.#lines
  }

  /** Sets the line of all paths through a value. Those that go on get a more exact line later. */
  #mark(wanted: Wanted, position: number): void {
    for (
      let next = this.#text.indexOf('\n', this.#counted);
      next !== -1 && next < position;
      next = this.#text.indexOf('\n', next + 1)
    ) {
      this.#line++
      this.#counted = next + 1
    }
    const pending = [wanted]
    for (let next = pending.pop(); next; next = pending.pop()) {
      for (const index of next.ends) this.#lines[index] = this.#line
      pending.push(...next.steps.values())
    }
  }

  #value(wanted: Wanted): void {
    const start = this.#text[this.#at]
    if (wanted.steps.size === 0 || (start !== '{' && start !== '[')) return this.#skipValue()
    this.#at++
    let place = 0
    for (this.#skipSpace(); this.#text[this.#at] !== '}' && this.#text[this.#at] !== ']'; this.#skipSeparator()) {
      const position = this.#at
      let step = String(place++)
      if (start === '{') {
        this.#skipString()
        step = JSON.parse(this.#text.slice(position, this.#at)) as string
        this.#skipSpace()
        this.#at++
        this.#skipSpace()
      }
      const next = wanted.steps.get(step)
      if (next) this.#mark(next, position)
      if (next) this.#value(next)
      else this.#skipValue()
    }
    this.#at++
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) <= 32) this.#at++
  }

  #skipSeparator(): void {
    this.#skipSpace()
    if (this.#text[this.#at] === ',') this.#at++
    this.#skipSpace()
  }

  #skipString(): void {
    this.#at = endOfString(this.#text, this.#at)
  }

  #skipValue(): void {
    for (let depth = 0; this.#at < this.#text.length;) {
      const character = this.#text[this.#at]
      if (character === '"') {
        this.#skipString()
        if (depth === 0) return
        continue
      }
      if (character === '{' || character === '[') depth++
      else if (character === '}' || character === ']') {
        // the end of the object or list around a number or word
        if (depth === 0) return
        if (--depth === 0) {
          this.#at++
          return
        }
      } else if (character === ',' && depth === 0) return
      this.#at++
    }
  }
}
