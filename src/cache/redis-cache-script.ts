/**
 * Deletes a key with the chunks of its large bodies. The chunks are not among KEYS, but always in the same slot, since
 * their names begin with that of the key.
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
 * Stores the responses of a key, unless another process has changed them, or has purged something that this process has
 * not received yet: that purge may concern these responses. KEYS: the key, and the counter of purges (not in a cluster,
 * where it is on another node). ARGV: expected version ('*' any, '' none), new version, heads, bodies, chunks, lifetime
 * in milliseconds, number of the last purge received, tags. Returns 1 when stored, 0 when changed meanwhile, or the
 * counter as text when there were other purges.
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
 * Purges a key. KEYS: the key. ARGV: a tag that it must have, or ''; a new version for a soft purge, else ''; the time.
 */
export const PURGE = `${DROP}
if ARGV[1] ~= '' and redis.pcall('HEXISTS', KEYS[1], 't' .. ARGV[1]) ~= 1 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[2] == '' or redis.call('TYPE', KEYS[1]).ok ~= 'hash' then drop(KEYS[1]) return 1 end
-- changes nothing: after a first command that needs no memory, a full Redis accepts small writes
redis.call('HDEL', KEYS[1], '')
redis.call('HSETNX', KEYS[1], 'outdated', ARGV[3])
redis.call('HSET', KEYS[1], 'version', ARGV[2])
return 1
`

/**
 * Adds texts to a shard of the index and removes some expired ones. Replaces keys of another type. KEYS: texts and ends.
 * ARGV: seconds to keep them, texts.
 */
export const INDEX = `
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
 * Counts a purge and publishes it. KEYS: the counter. ARGV: the channel, and the message without its number. Resets a
 * counter that is not a valid number.
 */
export const PUBLISH = `
-- changes nothing: after a first command that needs no memory, a full Redis accepts the counting
redis.call('PERSIST', KEYS[1])
local number = redis.pcall('INCR', KEYS[1])
if type(number) ~= 'number' or number < 1 or number > 9e14 then
  redis.call('SET', KEYS[1], '1')
  number = 1
end
redis.call('PUBLISH', ARGV[1], string.format('%.0f', number) .. ' ' .. ARGV[2])
return number
`
