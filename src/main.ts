import { run } from './cli.ts'

const drained = (stream: NodeJS.WriteStream): Promise<void> => new Promise((resolve) => { stream.write('', () => resolve()) })

// a reader such as `head` that has seen enough is no error
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => { process.exit(error.code === 'EPIPE' ? 0 : 1) })
}

const code = await run(process.argv.slice(2))
await Promise.all([drained(process.stdout), drained(process.stderr)])
process.exit(code)
