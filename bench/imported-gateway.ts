import { parseArgs } from 'node:util'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { BootProblems } from '../src/errors.ts'

// A gateway in a process of its own, which says what it has cost and whether its merged document is valid:
// `proof-openapi.ts` starts it.

/** What the process prints, as JSON in one line. */
export interface Imported {
  /** Milliseconds from the start of the process until the gateway listens. */
  bootMs: number
  /** Processor time of the same in milliseconds, which others on the machine do not lengthen. */
  cpuMs: number
  /** Bytes of resident memory after a garbage collection. */
  rss: number
  /** Bytes of the heap after a garbage collection. */
  heap: number
  /** Operations that became a route. */
  operations: number
  /** What is read and not enforced, in words. */
  notes: readonly string[]
  /** Why the gateway does not start; empty when it does. */
  problems: readonly string[]
  /** What validators find wrong with the merged document, by their names. */
  invalid: Record<string, string>
}

/** @returns what is wrong, in a few words */
async function faultOf(check: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await check()
    return undefined
  } catch (error) {
    return (error as Error).message.slice(0, 600)
  }
}

async function faultsOf(document: object): Promise<Record<string, string>> {
  // not before the gateway is measured
  const [{ default: SwaggerParser }, { Validator }] = await Promise.all([
    import('@apidevtools/swagger-parser'),
    import('@seriousme/openapi-schema-validator'),
  ])
  const found: Record<string, string> = {}
  const say = (validator: string, fault: string | undefined): void => {
    if (fault !== undefined) found[validator] = fault
  }
  say(
    '@seriousme/openapi-schema-validator',
    await faultOf(async () => {
      const { valid, errors } = await new Validator().validate(structuredClone(document) as Record<string, unknown>)
      if (!valid) throw new Error(JSON.stringify(errors))
    }),
  )
  say('@apidevtools/swagger-parser', await faultOf(() => SwaggerParser.validate(structuredClone(document) as never)))
  return found
}

async function importInto(file: string): Promise<Imported> {
  const config = await loadConfig({ file, env: {}, cwd: process.cwd(), overrides: {} })
  const app = await buildApp(config)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const bootMs = performance.now()
  const { user, system } = process.cpuUsage()
  // what was read and is no longer needed counts for nobody
  for (let round = 0; round < 5; round++) {
    globalThis.gc!()
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
  }
  const { rss, heapUsed } = process.memoryUsage()
  const apis = app.routeTable.rows.flatMap(({ options }) => options.config?.api ?? [])
  const operations = new Set(apis.map(({ operation }) => operation))
  const notes = new Set(apis.flatMap(({ document }) => document.notes))
  const invalid = await faultsOf(app.portal.whole.value)
  await app.close()
  return {
    bootMs,
    cpuMs: (user + system) / 1000,
    rss,
    heap: heapUsed,
    operations: operations.size,
    notes: [...notes],
    problems: [],
    invalid,
  }
}

const {
  positionals: [file],
} = parseArgs({ allowPositionals: true })
const result = await importInto(file!).catch((error: unknown): Partial<Imported> => {
  if (!(error instanceof BootProblems)) throw error
  return {
    problems: error.problems.map(({ file, field, message }) => `${file}${field === '' ? '' : ` ${field}`}: ${message}`),
  }
})
process.stdout.write(`${JSON.stringify(result)}\n`)
process.exit()
