/** What a client wishes a mock to answer with (`Prefer`, RFC 7240): `code=404, example="not found"`. */
export interface MockPreference {
  code?: number
  /** Name of an example. */
  example?: string
}

const PREFERENCE =
  /[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*(?:;[^,]*)?(?:,|$)/y

/**
 * Reads a `Prefer` header; other preferences are passed over, as the RFC says, and of two with one name the first
 * counts.
 */
export function mockPreference(header: string | undefined): MockPreference {
  const preference: MockPreference = {}
  if (header === undefined) return preference
  PREFERENCE.lastIndex = 0
  for (
    let match = PREFERENCE.exec(header);
    match !== null && PREFERENCE.lastIndex <= header.length;
    match = PREFERENCE.exec(header)
  ) {
    const [all, name, token, quoted] = match
    const value = token ?? quoted?.replaceAll(/\\(.)/g, '$1') ?? ''
    switch (name!.toLowerCase()) {
      case 'code':
        if (/^[2-5]\d\d$/.test(value)) preference.code ??= Number(value)
        break
      case 'example':
        preference.example ??= value
    }
    if (all === '') break
  }
  return preference
}
