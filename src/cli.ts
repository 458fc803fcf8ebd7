import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { failureLines } from './cli/failure.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const gather = (value: string, before: string[]): string[] => [...before, value]
const commaList = (value: string): string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

/** Of two values, one would be passed over without a word. */
function once(value: string, before: string | undefined): string {
  if (before !== undefined) throw new InvalidArgumentError(`It is given twice, as '${before}' before: give it once.`)
  return value
}

/** A command with the options that choose the configuration. */
function configured(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option(
      '-c, --config <file>',
      'configuration file (default: gatehouse.config.ts, .js, .mjs, .yaml, .yml or .json here)',
      once,
    )
    .option('-r, --routes <folder>', 'folder of the upstream files (default: ./routes)', once)
}

const HOST = ['--host <address>', 'address to listen on (default: 127.0.0.1)', once] as const
const PORT = ['-p, --port <number>', 'port to listen on (default: 3000)', once] as const

/**
 * The command line. The modules of a command are loaded when it runs, so that `--help` needs none of them.
 * @param finish  gets the exit code of the command
 */
function commandLine(finish: (code: number) => void): Command {
  const program = new Command('gatehouse')
    .description('API gateway: one file in routes/ is one upstream, authenticated, limited, validated and documented.')
    .version(version, '-v, --version')
    .exitOverride()
    .showHelpAfterError('(gatehouse --help shows what there is)')

  configured(program, 'start', 'run the gateway')
    .option(...HOST)
    .option(...PORT)
    .option('-w, --watch', 'take over changes of configuration, routes and documents without a restart')
    .action(async ({ watch, ...options }) => {
      finish(
        watch
          ? await (await import('./cli/watch.ts')).watch(options)
          : await (await import('./cli/start-command.ts')).start(options),
      )
    })
  configured(program, 'check', 'load everything as start would, and print every problem')
    .option(...HOST)
    .option(...PORT)
    .action(async (options) => {
      finish(await (await import('./cli/check-command.ts')).check(options))
    })
  configured(program, 'routes', 'print every route with its upstream, authentication, limits and schemas')
    .option('--json', 'as JSON')
    .action(async (options) => {
      finish(await (await import('./cli/routes-command.ts')).routes(options))
    })
  configured(program, 'explain', 'say what would be done with a request, stage by stage')
    .argument('<method>', 'such as GET')
    .argument('<url>', 'path, or absolute URL')
    .option('-H, --header <line>', "header of the request, as 'name: value'; may be repeated", gather, [])
    .option(
      '-g, --gateway <url>',
      "ask a running gateway, which knows how its targets do: the URL of its 'status' page",
      once,
    )
    .option(
      '--gateway-header <line>',
      "header for that page, such as 'authorization: Bearer ...'; may be repeated",
      gather,
      [],
    )
    .addHelpText('after', "\nExample:\n  gatehouse explain POST /orders -H 'content-type: application/json'")
    .action(async (method, url, options) => {
      finish(await (await import('./cli/explain-command.ts')).explainRequest(method, url, options))
    })
  program
    .command('refresh')
    .description('have a running gateway look whether the API documents of URLs have changed')
    .requiredOption('-g, --gateway <url>', "the URL of its 'status' page", once)
    .option(
      '--gateway-header <line>',
      "header for that page, such as 'authorization: Bearer ...'; may be repeated",
      gather,
      [],
    )
    .action(async (options) => {
      finish(await (await import('./cli/refresh-command.ts')).refresh(options))
    })
  program
    .command('drift')
    .description('what the traffic of a running gateway has, and the documents of its upstreams have not')
    .requiredOption('-g, --gateway <url>', "the URL of its 'status' page", once)
    .option(
      '--gateway-header <line>',
      "header for that page, such as 'authorization: Bearer ...'; may be repeated",
      gather,
      [],
    )
    .option('-u, --upstream <name>', 'of one upstream alone', once)
    .option('--overlay', 'as an OpenAPI Overlay, which brings the document up to the traffic')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  gatehouse drift --gateway http://127.0.0.1:3000/status --upstream orders')
    .action(async (options) => {
      finish(await (await import('./cli/drift-command.ts')).drift(options))
    })
  program
    .command('purge')
    .description('have a running gateway forget stored responses')
    .requiredOption('-g, --gateway <url>', "the URL of its 'cache.purge' page", once)
    .option(
      '--gateway-header <line>',
      "header for that page, such as 'authorization: Bearer ...'; may be repeated",
      gather,
      [],
    )
    .option('--url <url>', 'those of one URL; a path is meant for all hosts', once)
    .option('--prefix <url>', 'those whose URLs begin so; a path is meant for all hosts', once)
    .option('--tag <tag>', 'those with a tag', once)
    .option('--soft', 'keep them, to be validated before their next use')
    .addHelpText(
      'after',
      '\nExample:\n  gatehouse purge --prefix /products/ --gateway http://127.0.0.1:3000/cache/purge',
    )
    .action(async (options) => {
      finish(await (await import('./cli/purge-command.ts')).purge(options))
    })
  configured(program, 'openapi', 'print the OpenAPI document of the whole gateway, or what breaks clients between two')
    .option('-u, --upstream <name>', 'that of one upstream alone', once)
    .option('-o, --out <file>', 'write it to a file; YAML when the name ends with .yaml or .yml', once)
    .addOption(
      new Option(
        '-d, --diff <documents...>',
        'list what breaks clients from an OLD document to a NEW one (files or URLs), or to the document of this gateway; exit code 1 when something does',
      ).conflicts('out'),
    )
    .option('--json', 'the list as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  gatehouse openapi --diff old.yaml openapi/orders.yaml\n  gatehouse openapi --diff published.json',
    )
    .action(async ({ diff, json, ...options }) => {
      finish(
        diff === undefined
          ? await (await import('./cli/openapi-command.ts')).openapi(options)
          : await (await import('./cli/diff-command.ts')).diff(diff, { json, ...options }),
      )
    })
  configured(
    program,
    'add',
    'make an upstream of an API document: copy the document, and write an upstream file for it',
  )
    .argument('<document>', 'file or URL: OpenAPI 3.1, 3.0 or Swagger 2.0')
    .option(
      '--faults <mode>',
      'what happens to faults of the document: refuse, omit (operations with one are left out), loosen (schemas with one allow everything)',
      once,
    )
    .option('-t, --target <url>', 'where the service runs (default: the first server of the document)', once)
    .option('-n, --name <name>', 'name of the upstream and its files (default: from the title of the document)', once)
    .option(
      '--prefix <path>',
      'path under which the routes are (default: from the server of the document, or the name)',
      once,
    )
    .option(
      '--auth <scheme>',
      'who may call: none, or a scheme such as jwt or apiKey (default: as the document says)',
      once,
    )
    .option('--force', 'replace files that are there already')
    .addHelpText(
      'after',
      '\nExample:\n  gatehouse add https://petstore3.swagger.io/api/v3/openapi.json --name pets --target http://127.0.0.1:4001',
    )
    .action(async (document, options) => {
      finish(await (await import('./cli/add-command.ts')).add(document, options))
    })
  program
    .command('token')
    .description('print a signed token for development')
    .option('-c, --config <file>', 'configuration file, which has the key', once)
    .option('--sub <name>', 'who the token is for', 'developer')
    .option('--scopes <list>', 'scopes, with commas', commaList, [])
    .option('--expires <duration>', 'how long it is valid, such as 15m, 1h', '1h')
    .option('--claim <name=value>', 'a further claim; may be repeated', gather, [])
    .action(async (options) => {
      finish(await (await import('./cli/token-command.ts')).token(options))
    })
  keyCommands(program.command('key').description('make, list and revoke API keys, and hash passwords'), finish)
  return program
}

function keyCommands(key: Command, finish: (code: number) => void): void {
  const stored = (name: string, description: string): Command =>
    key
      .command(name)
      .description(description)
      .option('-c, --config <file>', 'configuration file, which says where keys are kept')
      .option('-f, --file <file>', 'keys file (.yaml, .yml or .json) to use instead')
  stored('create', 'make a key, store its hash, and print it: it cannot be shown again')
    .requiredOption('-n, --name <name>', 'whose key it is')
    .option('--scopes <list>', 'scopes, with commas', commaList, [])
    .option('--groups <list>', 'groups, with commas', commaList, [])
    .option('--addresses <list>', 'addresses and networks (CIDR) that may use it, with commas', commaList, [])
    .option('--expires <time>', 'how long it is valid, such as 90d, or the date on which it ends')
    .action(async (options) => {
      finish(await (await import('./cli/key-command.ts')).createKey(options))
    })
  stored('list', 'print the keys that are stored').action(async (options) => {
    finish(await (await import('./cli/key-command.ts')).listKeys(options))
  })
  stored('revoke', 'remove a key, or all keys of a name')
    .argument('<name-or-id>')
    .action(async (which, options) => {
      finish(await (await import('./cli/key-command.ts')).revokeKeys(which, options))
    })
  key
    .command('hash')
    .description('print the hash of a password, which is read from standard input, for basic.users')
    .action(async () => {
      finish(await (await import('./cli/key-command.ts')).hashOfPassword())
    })
}

/**
 * Runs the command line; problems go to standard error, one line each.
 * @param words  the arguments, without the names of Node and the script
 * @returns the exit code
 */
export async function run(words: string[]): Promise<number> {
  let code = 0
  try {
    await commandLine((result) => {
      code = result
    }).parseAsync(words, { from: 'user' })
  } catch (error) {
    // the text of these is printed already: help, version, wrong usage
    if (error instanceof CommanderError) return error.exitCode
    process.stderr.write(`${failureLines(error).join('\n')}\n`)
    return 1
  }
  return code
}
