/**
 * Forgets a key with the pieces of its large bodies, whose names are not among KEYS: they are in the same slot, and
 * begin with the name of the key, whatever stands in it.
 */
const DROP = `
local function drop (key)
  local chunks = redis.pcall('HGET', key, 'chunks')
  if type(chunks) == 'string' then
    for id, count in string.gmatch(chunks, '([%w_-]+) (%d+)') do
      for n = 0, math.min(tonumber(count), 256) - 1 do redis.call('UNLINK', key .. ':' .. id .. ':' .. n) end
    end
  end
  redis.call('UNLINK', key)
end
`

/**
 * Puts responses under a key, if they are still the ones that were known, and if this gateway has heard of all purges:
 * otherwise one of them may be about what is to be stored. KEYS: the key, and the counter of purges (not in a cluster,
 * where it is on another node). ARGV: the version that is expected ('*' any, '' none), the new one, heads, bodies,
 * chunks, milliseconds to keep it, the number of purges that were heard of, tags. The answer: 1 stored, 0 changed
 * meanwhile, a text when there were other purges: their number.
 */
export const PUT = `${DROP}
if KEYS[2] then
  local purges = redis.pcall('GET', KEYS[2])
  if type(purges) ~= 'string' then purges = '0' end
  if purges ~= ARGV[7] then return purges end
end
if ARGV[1] ~= '*' then
  local version = redis.pcall('HGET', KEYS[1], 'version')
  if type(version) ~= 'string' then version = '' end
  if version ~= ARGV[1] then return 0 end
end
drop(KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'heads', ARGV[3], 'bodies', ARGV[4], 'chunks', ARGV[5])
for i = 8, #ARGV do redis.call('HSET', KEYS[1], 't' .. ARGV[i], '') end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1
`

/**
 * Purges a key. KEYS: the key. ARGV: a tag that it must have, or ''; for a soft purge a new version, else ''; the time.
 */
export const PURGE = `${DROP}
if ARGV[1] ~= '' and redis.pcall('HEXISTS', KEYS[1], 't' .. ARGV[1]) ~= 1 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[2] == '' or redis.call('TYPE', KEYS[1]).ok ~= 'hash' then drop(KEYS[1]) return 1 end
-- changes nothing; after a first command that needs no memory, a full Redis accepts those that need a little
redis.call('HDEL', KEYS[1], '')
redis.call('HSETNX', KEYS[1], 'outdated', ARGV[3])
redis.call('HSET', KEYS[1], 'version', ARGV[2])
return 1
`

/**
 * Notes texts in a part of the index, and clears some that are over. What is of another type makes room. KEYS: texts
 * and ends. ARGV: seconds to keep them, texts.
 */
export const NOTE = `
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then redis.call('UNLINK', key) end
end
local now = tonumber(redis.call('TIME')[1])
local ends = now + tonumber(ARGV[1])
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], 0, ARGV[i])
  local before = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if not before or tonumber(before) < ends then redis.call('ZADD', KEYS[2], ends, ARGV[i]) end
end
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 50)
if #over > 0 then
  redis.call('ZREM', KEYS[1], unpack(over))
  redis.call('ZREM', KEYS[2], unpack(over))
end
return #over
`

/**
 * Counts a purge and tells all gateways. KEYS: the counter. ARGV: the channel, and the message without its number. A
 * counter that is no number begins anew.
 */
export const TELL = `
-- changes nothing; after a first command that needs no memory, a full Redis accepts the counting
redis.call('PERSIST', KEYS[1])
local number = redis.pcall('INCR', KEYS[1])
if type(number) ~= 'number' or number < 1 or number > 9e14 then
  redis.call('SET', KEYS[1], '1')
  number = 1
end
redis.call('PUBLISH', ARGV[1], string.format('%.0f', number) .. ' ' .. ARGV[2])
return number
`
