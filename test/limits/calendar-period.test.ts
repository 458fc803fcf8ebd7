import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calendarPeriods } from '../../src/limits/calendar-period.ts'

const PERIODS: [string, 'day' | 'month', string, string, string, string][] = [
  ['UTC', 'day', '2026-11-23T12:00:00Z', '2026-11-23', '2026-11-23T00:00:00Z', '2026-11-24T00:00:00Z'],
  ['UTC', 'day', '2026-11-23T00:00:00Z', '2026-11-23', '2026-11-23T00:00:00Z', '2026-11-24T00:00:00Z'],
  ['UTC', 'month', '2026-12-31T23:59:59Z', '2026-12', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['UTC', 'month', '2028-02-29T12:00:00Z', '2028-02', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  ['Europe/Berlin', 'day', '2026-11-23T23:30:00Z', '2026-11-24', '2026-11-23T23:00:00Z', '2026-11-24T23:00:00Z'],
  // days of 23 and of 25 hours
  ['Europe/Berlin', 'day', '2026-03-29T12:00:00Z', '2026-03-29', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  ['Europe/Berlin', 'day', '2026-10-25T12:00:00Z', '2026-10-25', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  ['Europe/Berlin', 'month', '2026-03-31T23:00:00Z', '2026-04', '2026-03-31T22:00:00Z', '2026-04-30T22:00:00Z'],
  // clocks set forward at midnight: the day begins at one
  ['America/Sao_Paulo', 'day', '2018-11-04T12:00:00Z', '2018-11-04', '2018-11-04T03:00:00Z', '2018-11-05T02:00:00Z'],
  ['Pacific/Kiritimati', 'day', '2026-11-23T12:00:00Z', '2026-11-24', '2026-11-23T10:00:00Z', '2026-11-24T10:00:00Z'],
  ['Asia/Kathmandu', 'day', '2026-11-23T12:00:00Z', '2026-11-23', '2026-11-22T18:15:00Z', '2026-11-23T18:15:00Z'],
]
for (const [timeZone, per, now, name, start, end] of PERIODS) {
  test(`the ${per} of ${now} in ${timeZone} is ${name}`, () => {
    const period = calendarPeriods(per, timeZone)(Date.parse(now))
    assert.deepEqual(
      [period.name, new Date(period.start).toISOString(), new Date(period.end).toISOString()],
      [name, start.replace('Z', '.000Z'), end.replace('Z', '.000Z')],
    )
  })
}

test('one follows the other, whichever way time goes', () => {
  const periodAt = calendarPeriods('day', 'UTC')
  const noon = Date.UTC(2026, 0, 1, 12)
  assert.deepEqual(
    [noon, noon + 86_400_000, noon, noon - 86_400_000].map((now) => periodAt(now).name),
    ['2026-01-01', '2026-01-02', '2026-01-01', '2025-12-31'],
  )
})
