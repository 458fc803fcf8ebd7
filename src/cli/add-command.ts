import { readdirSync } from 'node:fs'
import { join, parse, relative } from 'node:path'
import type { SchemeName } from '../auth/auth-schema.ts'
import type { Config } from '../config/config-schema.ts'
import { checkAgainst } from '../config/schema-check.ts'
import { BootProblems } from '../errors.ts'
import type { ApiDocument, FaultMode } from '../schema/types.ts'
import { checkTarget } from '../upstream/target-check.ts'
import { TargetText } from '../upstream/target-schema.ts'
import { type ConfigOptions, ownConfig } from './command-config.ts'
import { copyDocument } from './document-copy.ts'
import { CommandFailure, failureLines } from './failure.ts'
import { type NewFile, refuseTaken, writeFiles } from './file-batch.ts'
import { isUrl } from './given-document.ts'
import { type Trial, tryFiles } from './trial.ts'
import {
  isPrefix,
  mappedSchemes,
  nameFrom,
  prefixFrom,
  SCHEMES,
  serverUrl,
  UPSTREAM_NAME,
  oneLine,
  upstreamText,
  type UpstreamFacts,
} from './upstream-text.ts'

export interface AddOptions extends ConfigOptions {
  name?: string
  prefix?: string
  target?: string
  /** `none`, or the name of one of the gateway's authentication schemes. */
  auth?: string
  /** How faults in the document are handled. */
  faults?: string
  force?: boolean
}

/**
 * `gatehouse add`: copies an API document into the folder of documents, and writes an upstream file for it. Before it
 * writes them, it builds a gateway with both, so that they pass `gatehouse check`.
 */
export async function add(reference: string, { force = false, ...options }: AddOptions): Promise<number> {
  checkOptions(options)
  const config = await ownConfig(options)
  const attempt = (faults?: FaultMode): Promise<Addition> => prepare(reference, config, { ...options, faults, force })
  const mode = options.faults as FaultMode | undefined
  const { document, facts, newFiles, before, unrouted } = await attempt(mode).catch((error: unknown) =>
    proposeMode(error, reference, attempt, mode),
  )
  writeFiles(newFiles, force)
  for (const line of [...(document.mended ?? []), ...unrouted]) process.stdout.write(`fault: ${line}\n`)
  const [route] = newFiles.slice(-1) as [NewFile]
  process.stdout.write(
    nextSteps(
      facts,
      relative(process.cwd(), route.path),
      relative(process.cwd(), join(config.openapi, facts.document)),
      newFiles.length - 1,
    ),
  )
  if (before.length > 0) {
    process.stderr.write(
      `note: gatehouse check refuses what was there before:\n${failureLines(new BootProblems(before))
        .map((line) => `  ${line}\n`)
        .join('')}`,
    )
  }
  return 0
}

/** The files to write. */
interface Addition extends Trial {
  document: ApiDocument
  facts: UpstreamFacts
  newFiles: NewFile[]
}

/** @throws BootProblems when the document is faulty, or when the gateway cannot start with it */
async function prepare(
  reference: string,
  config: Config,
  { name, prefix, target, auth, faults, force }: Omit<AddOptions, 'faults'> & { faults?: FaultMode; force: boolean },
): Promise<Addition> {
  const chosen = ({ root }: ApiDocument): string =>
    name ?? nameFrom(root.info?.title) ?? nameFrom(parse(reference.replace(/[?#].*$/, '')).name) ?? 'api'
  const { document, files } = await copyDocument(reference, chosen, faults)
  const facts = factsOf(document, config, {
    name: chosen(document),
    prefix,
    target,
    auth,
    faults,
    reference,
    path: files.keys().next().value!,
  })
  refuseTwin(config.routes, facts.name)
  const newFiles = [
    ...[...files].map(([path, content]) => ({ path: join(config.openapi, path), content })),
    // written last: a gateway that runs with --watch loads it at once
    { path: join(config.routes, `${facts.name}.ts`), content: upstreamText(facts) },
  ]
  refuseTaken(newFiles, force)
  return { document, facts, newFiles, ...(await tryFiles(config, facts.name, newFiles)) }
}

function checkOptions({ name, prefix, target, auth, faults }: AddOptions): void {
  const refuse = (option: string, value: string, allowed: string): never => {
    throw new CommandFailure(`--${option} ${JSON.stringify(value)} is not possible, allowed: ${allowed}`)
  }
  if (name !== undefined && !UPSTREAM_NAME.test(name)) {
    refuse('name', name, 'lower-case letters, digits and single dashes between them, such as pet-store')
  }
  if (prefix !== undefined && !isPrefix(prefix)) refuse('prefix', prefix, 'a path such as /orders')
  if (auth !== undefined && auth !== 'none' && !SCHEMES.includes(auth as SchemeName)) {
    refuse('auth', auth, `none, ${SCHEMES.join(', ')}`)
  }
  if (faults !== undefined && !isFaultMode(faults)) refuse('faults', faults, MODES.join(', '))
  if (target !== undefined) {
    const url = URL.parse(target)
    if (url === null || !/^https?:$/.test(url.protocol)) {
      const [mistake] = checkAgainst(TargetText, target, '--target')
      refuse(
        'target',
        target,
        `a URL such as http://orders:4001${mistake?.message.includes('put http://') ? ': put http:// before it' : ''}`,
      )
    }
    checkTarget(target, '--target', (field, message) => {
      throw new CommandFailure(`${field}: ${message}`)
    })
  }
}

const MODES: readonly FaultMode[] = ['refuse', 'omit', 'loosen']
const isFaultMode = (text: string): boolean => (MODES as readonly string[]).includes(text)

/**
 * Called when a document is refused for its faults. If another fault mode would accept it, adds a problem that names
 * the mode. @throws the given error, or BootProblems that extend it
 */
async function proposeMode(
  error: unknown,
  reference: string,
  attempt: (faults: FaultMode) => Promise<Addition>,
  mode: FaultMode | undefined,
): Promise<never> {
  if (!(error instanceof BootProblems) || (mode !== undefined && mode !== 'refuse')) throw error
  const tried = await attempt('omit').catch(() => null)
  if (tried === null) throw error
  const {
    document: { operations, omitted = [] },
    unrouted,
  } = tried
  const message = `all of this can be left out: with --faults omit, ${operations.length - unrouted.length} operations are served and ${omitted.length + unrouted.length} are left out (501); with --faults loosen, schemas that are at fault allow everything`
  throw new BootProblems([...error.problems, { file: reference, field: '', message }])
}

interface Given {
  name: string
  prefix?: string
  target?: string
  auth?: string
  faults?: FaultMode
  reference: string
  path: string
}

function factsOf(
  document: ApiDocument,
  config: Config,
  { name, prefix, target, auth, faults, reference, path }: Given,
): UpstreamFacts {
  const server = serverUrl(document, isUrl(reference) ? reference : undefined)
  const scheme = auth === undefined || auth === 'none' ? undefined : (auth as SchemeName)
  const { title } = document.root.info ?? {}
  return {
    name,
    title: typeof title === 'string' && oneLine(title) !== '' ? title : name,
    prefix: prefix ?? prefixFrom(server, name),
    target: target ?? (server === null ? null : server.origin + server.pathname.replace(/\/+$/, '')),
    document: path,
    faults: faults === 'refuse' ? undefined : faults,
    source: isUrl(reference) ? new URL(reference).origin + new URL(reference).pathname : undefined,
    operations: document.operations.length,
    auth: auth ?? (config.auth === undefined ? 'jwt' : null),
    schemes:
      auth === 'none'
        ? []
        : mappedSchemes(
            document,
            scheme,
            SCHEMES.filter((known) => (config as Record<string, unknown>)[known] !== undefined),
          ),
  }
}

/** A file with the same name and another extension would declare the same upstream twice. */
function refuseTwin(folder: string, name: string): void {
  let twin: string | undefined
  try {
    twin = readdirSync(folder).find(
      (file) => file !== `${name}.ts` && /\.(?:mts|js|mjs|ya?ml|json)$/.test(file) && parse(file).name === name,
    )
  } catch {
    // the folder is created together with the file
  }
  if (twin !== undefined) {
    throw new CommandFailure(
      `${relative(process.cwd(), join(folder, twin))} is there already: choose another --name, or remove it`,
    )
  }
}

function nextSteps(
  { target, prefix, schemes, auth }: UpstreamFacts,
  route: string,
  document: string,
  files: number,
): string {
  return [
    `written: ${route}`,
    `written: ${document}${files > 1 ? ` and ${files - 1} more of its files` : ''}`,
    '',
    'Next:',
    ...(target === null
      ? [`  the document names no server, so that a mock answers: state 'targets' in ${route} when there is one`]
      : [`  requests below ${prefix} go to ${target}`]),
    ...schemes.map(
      ({ name, scheme }) =>
        `  "${oneLine(name)}" of the document is checked as ${scheme}: change 'security' in ${route} if that is wrong`,
    ),
    ...(auth === 'none' ? [`  everybody may call: state 'auth' in ${route} to change that`] : []),
    '  gatehouse check     tells what is not enforced',
    '  gatehouse routes    lists the new routes',
  ]
    .map((line) => `${line}\n`)
    .join('')
}
