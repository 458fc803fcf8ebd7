/**
 * A number between 0 and 1 that is always the same for a text, and spread evenly over texts.
 * FNV-1a, and the finalizer of MurmurHash3, without which texts that differ at their end alone would lie together.
 */
export function stableShare(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32
}
