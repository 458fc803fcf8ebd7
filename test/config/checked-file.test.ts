import assert from 'node:assert/strict'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import Type from 'typebox'
import { keepLoaded, readCheckedFile } from '../../src/config/checked-file.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const Names = Type.Array(
  Type.Object(
    { name: Type.String(), secret: Type.Optional(Type.String({ minLength: 20, writeOnly: true })) },
    { additionalProperties: false },
  ),
)

test('a file is read against its schema, and mistakes name file, line and field, but no secret', (t) => {
  const folder = temporaryFolder(t, {
    'good.yaml': '- name: a\n',
    'good.json': '[{"name":"a"}]',
    'bad.yaml': '# x\n- name: a\n  secret: hunter2\n- nam: b\n',
    'empty.yaml': '# nothing\n',
    'map.yaml': 'a: 1\n',
  })
  for (const name of ['good.yaml', 'good.json']) {
    assert.deepEqual(readCheckedFile(join(folder, name), name, Names), [{ name: 'a' }])
  }
  assert.throws(
    () => readCheckedFile(join(folder, 'bad.yaml'), 'bad.yaml', Names),
    (error: any) => {
      assert.deepEqual(
        error.problems.map(({ file, field }: { file: string; field: string }) => `${file} ${field}`),
        ['bad.yaml:3 [0].secret', 'bad.yaml:4 [1].nam'],
      )
      assert.ok(!error.message.includes('hunter2'))
      return true
    },
  )
  assert.throws(
    () => readCheckedFile(join(folder, 'empty.yaml'), 'empty.yaml', Names),
    /empty\.yaml: is empty: an empty list is written \[\]/,
  )
  assert.throws(() => readCheckedFile(join(folder, 'map.yaml'), 'map.yaml', Names), /map\.yaml:1: found an object/)
  assert.throws(
    () => readCheckedFile(join(folder, 'none.yaml'), 'none.yaml', Names),
    /none\.yaml: cannot be read: no such file/,
  )
})

/** What a file was loaded as, line by line, with what the log has told; each can be waited for. */
function watched(t: TestContext, path: string) {
  const told: string[] = []
  let tell = (): void => {}
  const say = (text: string): void => {
    told.push(text)
    tell()
  }
  const log = {
    info: (_: object, text: string) => say(text),
    error: ({ problems }: { problems: { message: string }[] }, text: string) => say(`${text} ${problems[0]!.message}`),
  }
  const stop = keepLoaded(
    path,
    'names',
    () => {
      say(
        readCheckedFile(path, 'names', Names)
          .map(({ name }) => name)
          .join(),
      )
    },
    log as never,
    5,
  )
  t.after(stop)
  const next = async (): Promise<string[]> => {
    while (told.length < 2) {
      await new Promise<void>((resolve) => {
        tell = resolve
      })
    }
    return told.splice(0, 2)
  }
  return { told, next, stop }
}

test(
  'a file is loaded again when it is replaced or comes back, and what is broken changes nothing',
  { timeout: 120_000 },
  async (t) => {
    const path = join(temporaryFolder(t, { 'names.yaml': '- name: a\n' }), 'names.yaml')
    const { told, next, stop } = watched(t, path)
    assert.deepEqual(told.splice(0), ['a'])
    // in one step: half a file could be seen otherwise, and be told of
    const put = (text: string): void => {
      writeFileSync(`${path}.new`, text)
      renameSync(`${path}.new`, path)
    }
    const taken = 'took over the changed file'
    put('- name: b\n')
    assert.deepEqual(await next(), ['b', taken])
    rmSync(path)
    const kept = 'the changed file is not good: everything stays as it was'
    while (told.length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(told.splice(0), [`${kept} cannot be read: no such file`])
    put('- name: c\n')
    assert.deepEqual(await next(), ['c', taken])
    stop()
  },
)

test('a file that is broken at first is for the caller', (t) => {
  const path = join(temporaryFolder(t, { 'x.yaml': '{' }), 'x.yaml')
  assert.throws(
    () =>
      keepLoaded(
        path,
        'x.yaml',
        () => {
          readCheckedFile(path, 'x.yaml', Names)
        },
        { info: assert.fail, error: assert.fail } as never,
      ),
    /x\.yaml:1: is not valid YAML/,
  )
})
