import { calendarPeriods } from './calendar-period.ts'
import { TRY_AGAIN_MS } from './concurrency.ts'
import { capacityOf } from './limit-registry.ts'
import type { LimitRule } from './limit-schema.ts'
import { STEPS } from './sliding-window.ts'

/** How long a request in flight keeps its place without a renewal, in milliseconds. */
export const LEASE_MS = 30_000

/**
 * Takes the cost of a request from all its limits, or from none, in one atomic step by the clock of Redis. The algorithms
 * are the same as in memory: see the files beside this one.
 *
 * KEYS: the state of each limit. ARGV: the time or -1 for the clock of Redis, the cost, then for each limit its algorithm
 * and three arguments. Answer: four numbers for each limit: allowed, remaining, resetMs, retryAfterMs.
 */
export const TAKE = `
local now, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function whole (number) return string.format('%.0f', number) end
-- a key of another type was not written by this script: delete it
local function ours (value, key)
  if type(value) ~= 'table' or not value.err then return value end
  redis.call('UNLINK', key)
  return false
end
local function number (text)
  local value = tonumber(text or nil)
  return value and value >= 0 and value <= 9007199254740992 and value or nil
end
local function stored (key, one, other)
  local values = ours(redis.pcall('HMGET', key, one, other), key)
  if not values then return nil end
  return number(values[1]), number(values[2])
end
local function text (key) return ours(redis.pcall('GET', key), key) end
local function unpacked (key)
  local packed = text(key)
  if not packed then return {} end
  local isList, log = pcall(cmsgpack.unpack, packed)
  if not isList or type(log) ~= 'table' or #log % 3 ~= 0 then return {} end
  for i = 1, #log do if type(log[i]) ~= 'number' or not number(log[i]) then return {} end end
  return log
end

local algorithms = {}
function algorithms.fixed (key, max, window)
  local count, ends = stored(key, 'count', 'end')
  if not count or not ends or now >= ends or ends - now > window then count, ends = 0, now + window end
  local left = ends - now
  if count + cost > max then return false, max - count, left, left end
  return true, max - count - cost, left, 0, function ()
    redis.call('HSET', key, 'count', whole(count + cost), 'end', whole(ends))
    redis.call('PEXPIRE', key, whole(left))
  end
end
function algorithms.quota (key, max, left)
  local count = number(text(key)) or 0
  if count + cost > max then return false, max - count, left, left end
  return true, max - count - cost, left, 0, function ()
    redis.call('SET', key, whole(count + cost), 'PX', whole(left + 86400000))
  end
end
function algorithms.sliding (key, max, window)
  local log, kept, total = unpacked(key), {}, 0
  local late = #log > 0 and log[#log - 1] > now
  for i = 1, #log, 3 do
    if late or now - log[i + 1] < window then
      total = total + log[i + 2]
      if late then kept = { now, now, total }
      else for part = i, i + 2 do kept[#kept + 1] = log[part] end end
    end
  end
  local size = #kept
  -- the clock was set back: treat all requests as if they came now
  if late then redis.call('SET', key, cmsgpack.pack(kept), 'PX', whole(window)) end
  if total + cost > max then
    local used, wait = total, window
    for i = 1, size, 3 do
      used = used - kept[i + 2]
      if used + cost <= max then wait = kept[i + 1] + window - now break end
    end
    return false, max - total, size > 0 and kept[size - 1] + window - now or window, wait
  end
  return true, max - total - cost, window, 0, function ()
    if size > 0 and (now - kept[size - 2]) * ${STEPS} < window then
      kept[size - 1], kept[size] = now, kept[size] + cost
    else for _, part in ipairs({ now, now, cost }) do kept[#kept + 1] = part end end
    redis.call('SET', key, cmsgpack.pack(kept), 'PX', whole(window))
  end
end
algorithms['token-bucket'] = function (key, max, window, burst)
  local level, at = stored(key, 'level', 'at')
  local capacity, wanted = burst * window, cost * window
  level = level and at and math.min(capacity, level + math.max(0, now - at) * max) or capacity
  if at and at > now then redis.call('HSET', key, 'level', whole(level), 'at', whole(now)) end
  local allowed = level >= wanted
  local after = allowed and level - wanted or level
  local reset = math.ceil((capacity - after) / max)
  return allowed, math.floor(after / window), reset, allowed and 0 or math.ceil((wanted - after) / max), function ()
    redis.call('HSET', key, 'level', whole(after), 'at', whole(now))
    redis.call('PEXPIRE', key, whole(reset + 1))
  end
end
function algorithms.concurrency (key, max, lease, id)
  ours(redis.pcall('ZREMRANGEBYSCORE', key, '-inf', whole(now)), key)
  local count = redis.call('ZCARD', key)
  if count >= max then return false, 0, 0, ${TRY_AGAIN_MS} end
  return true, max - count - 1, 0, 0, function ()
    redis.call('ZADD', key, whole(now + lease), id)
    redis.call('PEXPIRE', key, whole(lease))
  end
end

local answer, commits, all = {}, {}, true
for i, key in ipairs(KEYS) do
  local at = 3 + (i - 1) * 4
  local allowed, remaining, reset, wait, commit = algorithms[ARGV[at]](key, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]) or ARGV[at + 3])
  for _, value in ipairs({ allowed and 1 or 0, remaining, reset, wait }) do answer[#answer + 1] = value end
  commits[i] = commit
  all = all and allowed
end
if all then for _, commit in ipairs(commits) do commit() end end
return answer
`

/**
 * Renews the places of requests in flight. KEYS: the state of each. ARGV: the lease in milliseconds, then the id of
 * each.
 */
export const RENEW = `
local time = redis.call('TIME')
local ends = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1]))
for i, key in ipairs(KEYS) do
  local added = redis.pcall('ZADD', key, ends, ARGV[i + 1])
  if type(added) == 'table' and added.err then
    redis.call('UNLINK', key)
    redis.call('ZADD', key, ends, ARGV[i + 1])
  end
  redis.call('PEXPIRE', key, ARGV[1])
end
`

/** Where a rule is counted in Redis, and its arguments for the script. */
export interface ScriptRule {
  /** Prefix of the key in Redis. Calendar periods go by the clock of the gateway. */
  prefix(now: number): string
  /** The algorithm and its three arguments. The last one may be the id of the request. */
  words(now: number, id: string): [string, number, number, number | string]
}

/**
 * Compiles a rule. All keys have one hash tag, so that the keys of a request are on one node of a cluster. Names are
 * encoded, so that the keys of two limits never collide. The window is part of the key, so that a changed limit does not
 * inherit the state of the old one.
 */
export function scriptRule(rule: LimitRule): ScriptRule {
  const { name, algorithm, max, windowMs } = rule
  const base = `{gatehouse}:limit:${encodeURIComponent(name.toWellFormed())}:${algorithm}:`
  if (algorithm === 'quota') {
    const periodAt = calendarPeriods(rule.per!, rule.timeZone ?? 'UTC')
    return {
      prefix: (now) => `${base}${periodAt(now).name}:`,
      words: (now) => [algorithm, max, periodAt(now).end - now, 0],
    }
  }
  if (algorithm === 'concurrency') return { prefix: () => base, words: (_, id) => [algorithm, max, LEASE_MS, id] }
  const prefix = `${base}${windowMs}:`
  const words: ReturnType<ScriptRule['words']> = [algorithm, max, windowMs, capacityOf(rule)]
  return { prefix: () => prefix, words: () => words }
}
