/** JSON pointers (RFC 6901): `/paths/~1orders/get` leads to a part of a JSON value. */

/** One token of a JSON pointer, with `~` and `/` escaped. */
export const pointerToken = (name: string): string =>
  /[~/]/.test(name) ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name

/** The name that a token stands for. */
export const tokenName = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~')

/** The names that a pointer leads through. */
export const pointerNames = (pointer: string): string[] => pointer.split('/').slice(1).map(tokenName)

/** The pointer without its last token. */
export const parentPointer = (pointer: string): string => pointer.slice(0, pointer.lastIndexOf('/'))

/** The part of a value that a pointer leads to; undefined when there is none. */
export function atPointer(value: unknown, pointer: string): unknown {
  if (pointer === '') return value
  if (!pointer.startsWith('/')) return undefined
  let found = value
  for (const name of pointerNames(pointer)) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Record<string, unknown>)[name]
  }
  return found
}

/** The JSON pointer in a reference such as `#/components/schemas/Order` (RFC 6901, section 6). */
export function pointerOf(reference: string): string {
  const fragment = reference.replace(/^#/, '')
  if (!fragment.includes('%')) return fragment
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment
  }
}

/** As `pointerOf`, for any value; undefined when it is no reference within its own document. */
export const referencePointer = (reference: unknown): string | undefined =>
  typeof reference === 'string' && /^#(?:\/|$)/.test(reference) ? pointerOf(reference) : undefined

/** A JSON pointer as the fragment of a URI (RFC 6901, section 6). */
export const encodePointer = (pointer: string): string =>
  /^[\w/.~$-]*$/.test(pointer) ? pointer : pointer.split('/').map(encodeURIComponent).join('/').replaceAll('%24', '$')
