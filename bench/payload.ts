/** What the backend answers, so that every server under test can be checked for the right bytes. */

/** The answer of every path but one: 173 bytes of JSON. */
export const SMALL: string = JSON.stringify({
  id: 42,
  status: 'shipped',
  customer: { id: 7, name: 'Ada Lovelace', city: 'London' },
  items: [
    { sku: 'B-1', quantity: 2, price: 1250 },
    { sku: 'C-7', quantity: 1, price: 8 },
  ],
})

/** Path of the answer that is too large to be collected. */
export const LARGE_PATH = '/large'
export const LARGE_BYTES: number = 1024 * 1024

/** Path of the answer of 32 KiB. */
export const MEDIUM_PATH = '/medium'
export const mediumBody = (): Buffer => largeBody().subarray(0, 32 * 1024)

/** 1 MiB in which no two places look alike, so that bytes in the wrong order are noticed. */
export function largeBody(): Buffer {
  const body = Buffer.alloc(LARGE_BYTES)
  let state = 1
  for (let i = 0; i < LARGE_BYTES; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    body.writeUInt32LE(state, i)
  }
  return body
}
