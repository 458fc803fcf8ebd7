import './listener/tick-shape.ts'
import { failureLines } from './cli/failure.ts'
import { run } from './cli.ts'
import { LoadFailure } from './config/load-guard.ts'

const drained = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    stream.write('', () => resolve())
  })

let finished = false

// a reader such as `head` that has seen enough is no error
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    finished = true
    process.exit(error.code === 'EPIPE' ? 0 : 1)
  })
}

// a running gateway has a handler of its own, which lets requests finish
process.on('uncaughtException', (error) => {
  // what a file may not do while it is loaded is told with its name already
  if (error instanceof LoadFailure || process.listenerCount('uncaughtException') > 1) return
  process.stderr.write(`${failureLines(error).join('\n')}\n`)
  process.exit(1)
})

// whatever a user's file does, no command ends as though all was well before it has said so; 13 is Node's for a wait
// without end. A child of --watch whose supervisor has gone ends with 0
process.on('exit', (code) => {
  if (finished || process.connected === false || (code !== 0 && code !== 13)) return
  process.stderr.write(
    'gatehouse: ended before it was done: a file has ended the process, or waits for something that never comes\n',
  )
  process.exitCode = 1
})

const code = await run(process.argv.slice(2))
await Promise.all([drained(process.stdout), drained(process.stderr)])
finished = true
process.exit(code)
