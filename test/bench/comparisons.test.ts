import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMPARISONS, contests, contestsAgainst } from '../../bench/comparisons.ts'
import { allSubjects } from '../../bench/subjects.ts'

const subjects = allSubjects()
const named = (...names: string[]): typeof subjects => subjects.filter(({ name }) => names.includes(name))

describe('comparisons of the bench', () => {
  test('name subjects that there are', () => {
    for (const { row, to } of COMPARISONS) assert.equal(named(row, to).length, 2, `${row} and ${to}`)
  })

  test('are measured in pairs when they have a goal, and when both subjects were named', () => {
    const present = named('gateway-full', 'gateway-open', 'bare')
    const labels = (isNamed: boolean): string[] => contests(present, isNamed).map(({ a, b }) => `${a.name} / ${b.name}`)
    assert.deepEqual(labels(false), ['gateway-full / bare', 'gateway-open / bare'])
    assert.deepEqual(labels(true), ['gateway-full / bare', 'gateway-open / bare', 'gateway-full / gateway-open'])
  })

  test('are left out when a program is not there', () => {
    assert.deepEqual(contests(named('gateway-full'), true), [])
  })
})

describe('before and after', () => {
  const place = { port: 1, backend: '127.0.0.1:2', folder: '/tmp' }

  test('starts each gateway from its own tree, with its own configuration', () => {
    const [contest, ...others] = contestsAgainst(subjects, allSubjects([], '/other/tree'), 'gateway-log', 1.1)
    assert.equal(others.length, 0)
    assert.equal(contest!.goal, 1.1)
    const [after, before] = [contest!.a, contest!.b].map(({ launch }) => launch!(place).args.join(' '))
    assert.ok(!after!.includes('/other/tree'))
    assert.match(
      before!,
      /^\/other\/tree\/bin\/gatehouse\.js start --config \/other\/tree\/bench\/gateway\.config\.ts /,
    )
    assert.notEqual(contest!.a.name, contest!.b.name, 'each has a folder of its own')
  })

  test('takes three gateways and the goal 1.02 unless others are named', () => {
    const [first, ...others] = contestsAgainst(subjects, allSubjects([], '/other/tree'))
    assert.deepEqual([first!, ...others].map(({ a }) => a.name).sort(), ['gateway-full', 'gateway-open', 'hit-gateway'])
    assert.equal(first!.goal, 1.02)
  })

  test('refuses what is no gateway', () => {
    assert.throws(
      () => contestsAgainst(subjects, subjects, 'gateway-open,nginx'),
      /--only has nginx, expected of: hit-gateway/,
    )
  })
})
