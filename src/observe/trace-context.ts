/** W3C Trace Context, section 3.2.2: version, trace, parent, flags; later versions may add fields. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/

/**
 * The trace id of a `traceparent`.
 * @returns undefined for a header that is missing or invalid, as one that came twice is
 */
export function traceIdOf(traceparent: string | string[] | undefined): string | undefined {
  if (typeof traceparent !== 'string') return undefined
  const [, version, traceId, more] = TRACEPARENT.exec(traceparent) ?? []
  return version === '00' && more !== undefined ? undefined : traceId
}
