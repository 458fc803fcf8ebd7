import { relative, resolve } from 'node:path'
import { keepLoaded, readCheckedFile } from '../config/checked-file.ts'
import { BootProblems, type Problem } from '../errors.ts'
import { DiscoveredTargets } from './discovered-targets.ts'
import { checkTarget } from './target-check.ts'
import { type FileTargets, type TargetDeclaration, type TargetEntry, targetEntry, TargetList } from './target-schema.ts'
import type { TargetSettings } from './target-settings.ts'
import type { SourceParts, TargetSource } from './target-source.ts'

/** How long a new list waits for the look-ups of its entries. Milliseconds. */
const PATIENCE = 5000

type Sources = ReadonlyMap<string, TargetSource>

/** The targets of several entries, in their order. */
export class ListSource implements TargetSource {
  targets: readonly TargetSettings[] = []
  readonly #parts: SourceParts
  /** By the text of the entry, so that an unchanged entry is not looked up again. */
  #sources: Sources = new Map()
  /** Those of a newer list, during its look-ups. */
  #next: Sources | null = null
  #changed: (() => void) | null = null

  /**
   * @param field  where the list stands, for messages
   * @throws BootProblems about the files of the entries
   */
  constructor(declarations: readonly TargetDeclaration[], field: string, parts: SourceParts) {
    this.#parts = parts
    this.#sources = this.#make(declarations, field)
    this.#gather()
  }

  async start(changed: () => void): Promise<void> {
    this.#changed = changed
    await Promise.all([...this.#sources.values()].map((source) => this.#start(source)))
  }

  /**
   * Replaces the list. The old one stays until the new entries are looked up.
   * @throws BootProblems about the files of the entries; then nothing changes
   */
  replace(declarations: readonly TargetDeclaration[], field: string): void {
    const next = this.#make(declarations, field)
    const dropped = this.#next
    this.#next = next
    if (dropped !== null) closeAllBut(dropped, this.#sources, next)
    if (this.#changed === null) return this.#settle(next)
    const known = Promise.all(
      [...next.values()]
        .filter((source) => !has(this.#sources, source) && !(dropped && has(dropped, source)))
        .map((source) => this.#start(source)),
    )
    Promise.race([known, patience()])
      .finally(() => this.#settle(next))
      .catch(() => {})
  }

  close(): void {
    if (this.#next !== null) closeAllBut(this.#next, this.#sources)
    closeAllBut(this.#sources)
    this.#next = null
  }

  #settle(next: Sources): void {
    // a later list has come, or the source was closed
    if (this.#next !== next) return
    closeAllBut(this.#sources, next)
    this.#sources = next
    this.#next = null
    this.#update()
  }

  #make(declarations: readonly TargetDeclaration[], field: string): Sources {
    const problems: Problem[] = []
    const sources = new Map<string, TargetSource>()
    declarations.forEach((declaration, i) => {
      const entry = targetEntry(declaration)
      // the same entry twice counts twice
      let key = JSON.stringify(entry)
      while (sources.has(key)) key += ' '
      try {
        sources.set(
          key,
          this.#sources.get(key) ?? this.#next?.get(key) ?? sourceOf(entry, `${field}[${i}]`, this.#parts),
        )
      } catch (error) {
        if (!(error instanceof BootProblems)) throw error
        problems.push(...error.problems)
      }
    })
    if (problems.length === 0) return sources
    closeAllBut(sources, this.#sources, ...(this.#next ? [this.#next] : []))
    throw new BootProblems(problems)
  }

  #start(source: TargetSource): Promise<void> {
    return source.start(() => this.#update())
  }

  #gather(): void {
    this.targets = [...this.#sources.values()].flatMap(({ targets }) => targets)
  }

  #update(): void {
    this.#gather()
    this.#changed?.()
  }
}

const has = (sources: Sources, source: TargetSource): boolean => [...sources.values()].includes(source)

function closeAllBut(sources: Sources, ...kept: Sources[]): void {
  for (const source of sources.values()) if (!kept.some((others) => has(others, source))) source.close()
}

const patience = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, PATIENCE).unref()
  })

const sourceOf = (entry: TargetEntry, field: string, parts: SourceParts): TargetSource =>
  'file' in entry ? new FileSource(entry, parts) : new DiscoveredTargets(entry, field, parts)

/** The targets of a file, which is watched. */
class FileSource implements TargetSource {
  #list: ListSource | null = null
  readonly #stop: () => void

  /** @throws BootProblems about the mistakes in the file */
  constructor({ file }: FileTargets, parts: SourceParts) {
    const path = resolve(parts.baseDir, file)
    const name = relative(parts.baseDir, path)
    this.#stop = keepLoaded(
      path,
      name,
      () => {
        const declarations = readTargets(path, name)
        if (this.#list === null) this.#list = new ListSource(declarations, '', { ...parts, file: name })
        else this.#list.replace(declarations, '')
      },
      parts.log,
    )
  }

  get targets(): readonly TargetSettings[] {
    return this.#list!.targets
  }

  start(changed: () => void): Promise<void> {
    return this.#list!.start(changed)
  }

  close(): void {
    this.#stop()
    this.#list!.close()
  }
}

function readTargets(path: string, name: string): TargetDeclaration[] {
  const declarations = readCheckedFile(path, name, TargetList)
  const problems: Problem[] = []
  declarations.forEach((declaration, i) =>
    checkTarget(declaration, `[${i}]`, (field, message) => problems.push({ file: name, field, message })),
  )
  if (problems.length > 0) throw new BootProblems(problems)
  return declarations
}
