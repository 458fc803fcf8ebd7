import type { Comparison } from './comparisons.ts'
import { LARGE_BYTES } from './payload.ts'
import { median } from './statistics.ts'
import type { Round, Station } from './station.ts'

/** Processor time of one request in microseconds. */
export const cost = ({ cpu, requests }: Round): number => cpu / requests

const medianOf = ({ rounds }: Station, value: (round: Round) => number): number => median(rounds.map(value))

/** Lines with their columns one below the other; the first column is text, all others are numbers. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const milliseconds = (microseconds: number): string => `${(microseconds / 1000).toFixed(2)} ms`
const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

/** How far the rounds lie apart, in per cent of their median. */
function spread(station: Station): string {
  const costs = station.rounds.map(cost)
  return `${Math.round(((Math.max(...costs) - Math.min(...costs)) / median(costs)) * 100)} %`
}

export function smallTable(stations: readonly Station[], title = '173 bytes of JSON, 64 connections'): string {
  return table([
    [title, 'CPU us/request', 'spread', 'requests/s', 'p50', 'p99', 'peak memory'],
    ...stations.map((station) => [
      station.subject.label,
      medianOf(station, cost).toFixed(1),
      spread(station),
      medianOf(station, ({ requests, seconds }) => requests / seconds).toFixed(0),
      milliseconds(medianOf(station, ({ p50 }) => p50)),
      milliseconds(medianOf(station, ({ p99 }) => p99)),
      megabytes(station.peak),
    ]),
  ])
}

export function streamTable(stations: readonly Station[]): string {
  const volume = ({ requests }: Round): number => (requests * LARGE_BYTES) / 2 ** 20
  return table([
    ['1 MiB streamed, 8 connections', 'MiB/CPU second', 'spread', 'MiB/s', 'p50', 'p99', 'peak memory'],
    ...stations.map((station) => [
      station.subject.label,
      medianOf(station, (round) => (volume(round) / round.cpu) * 1e6).toFixed(0),
      spread(station),
      medianOf(station, (round) => volume(round) / round.seconds).toFixed(0),
      milliseconds(medianOf(station, ({ p50 }) => p50)),
      milliseconds(medianOf(station, ({ p99 }) => p99)),
      megabytes(station.peak),
    ]),
  ])
}

/** One row in units of another, round by round: neighbours in time had the same machine. */
export const ratios = (row: Station, to: Station, value = cost): number[] =>
  row.rounds.map((round, i) => value(round) / value(to.rounds[i]!))

/** Median share of the server's core that other processes used, of the row that suffered most. */
export const foreignShare = (stations: readonly Station[]): number =>
  Math.max(0, ...stations.map((station) => medianOf(station, (round) => round.foreign)))

/** The rows of a table in units of one another. Whether goals are met is told by pairs of rounds alone. */
export function ratioTable(stations: readonly Station[], comparisons: readonly Comparison[]): string {
  const byName = new Map(stations.map((station) => [station.subject.name, station]))
  const rows = comparisons.flatMap(({ label, row, to, of }) => {
    const [measured, base] = [byName.get(row), byName.get(to)]
    if (!measured || !base) return []
    const values = ratios(measured, base, of === 'p99' ? ({ p99 }) => p99 : cost)
    return [
      [label, median(values).toFixed(2), `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`],
    ]
  })
  return rows.length === 0 ? '' : table([['ratio of CPU per request', 'median', 'rounds'], ...rows])
}

/** A warning when other processes had a share in the server's core; '' when they had none to speak of. */
export function noiseLine(stations: readonly Station[]): string {
  const foreign = foreignShare(stations)
  return foreign < 0.03
    ? ''
    : `Other processes used up to ${Math.round(foreign * 100)} % of the server's core: measure again on a quiet machine.`
}
