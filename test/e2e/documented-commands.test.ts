import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { ROOT, startDemo } from './demo-process.ts'

/** The lines of the shell blocks of a section. */
async function commandsOf(page: string, section: string): Promise<string[]> {
  const text = await readFile(join(ROOT, page), 'utf8')
  const [, body = ''] = text.split(`\n## ${section}\n`)
  const blocks = body.split('\n## ', 1)[0]!.matchAll(/^```sh\n(.*?)^```/gms)
  return [...blocks].flatMap(([, lines]) => lines!.trim().split('\n'))
}

/** Runs a line as a shell would, after the lines that set variables. */
function shell(line: string, env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env } }
    execFile('sh', ['-c', line], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

describe('commands of the documentation, on the running demo', () => {
  test('those of the README do what it says', async (t) => {
    const demo = await startDemo(t)
    const lines = (await commandsOf('README.md', 'Five minutes')).filter((line) => line.startsWith('curl'))
    const answers = []
    for (const line of lines) {
      answers.push(await shell(line.replaceAll('http://127.0.0.1:3000', demo.url), { TOKEN: demo.writeToken }))
    }
    assert.deepEqual(
      answers.map(({ code, output }) => [code, /HTTP\/1\.1 (\d+)/.exec(output)?.[1]]),
      [
        [0, '401'],
        [0, '200'],
        [0, '400'],
        [0, '200'],
        [0, '200'],
      ],
    )
    assert.match(answers[2]!.output, /"pointer":"\/quantity"/)
    assert.match(answers[3]!.output, /^x-version: v2\r$/m)
    const again = async () => (await shell(lines[4]!.replaceAll('http://127.0.0.1:3000', demo.url), {})).output
    await eventually('the categories come from the cache', async () => /^cache-status: \S+; hit/im.test(await again()))
    assert.equal(await demo.stop(), 0)
  })

  test('those of the operations page succeed', async (t) => {
    const demo = await startDemo(t)
    const [secret, ...lines] = await commandsOf('docs/operations.md', 'Commands')
    const [, name, value] = /^export (\w+)=(\S+)$/.exec(secret!)!
    assert.ok(lines.length >= 9)
    for (const line of lines) {
      const { code, output } = await shell(
        line
          .replace('npm run gatehouse --', `${process.execPath} bin/gatehouse.js`)
          .replaceAll('http://127.0.0.1:3000', demo.url),
        { [name!]: value },
      )
      assert.equal(code, 0, `${line}: ${output}`)
    }
    const { output: token } = await shell(`${process.execPath} bin/gatehouse.js token --scopes orders:read`, {
      [name!]: value,
    })
    assert.equal(
      (await fetch(`${demo.url}/orders`, { headers: { authorization: `Bearer ${token.trim()}` } })).status,
      200,
      'the demo takes tokens that are made so',
    )
    assert.equal(await demo.stop(), 0)
  })
})
