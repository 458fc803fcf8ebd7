/** Most members of `Accept` that are looked at; browsers send eight. */
const MOST_MEMBERS = 30

const RANGE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/
const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/**
 * Whether a client prefers a page to JSON: browsers that open an address do. A client that names neither, or likes both
 * equally well, gets JSON.
 * @param accept  `Accept` (RFC 9110, section 12.5.1); parameters of types other than `q` are not compared
 */
export function prefersHtml(accept: string | undefined): boolean {
  // most clients name no text at all
  if (accept === undefined || !/text\//i.test(accept)) return false
  const weights = weightsOf(accept)
  const json = Math.max(weightOf(weights, 'application', 'json'), weightOf(weights, 'application', 'problem+json'))
  return weightOf(weights, 'text', 'html') > json
}

/** Weights by media range; members that are malformed are passed over. */
function weightsOf(accept: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const member of accept.toLowerCase().split(',', MOST_MEMBERS)) {
    const [range, ...parameters] = member.split(';').map((part) => part.trim())
    if (!RANGE.test(range!)) continue
    const stated = parameters.find((parameter) => parameter.startsWith('q='))
    const weight = stated === undefined ? 1 : Number(WEIGHT.exec(stated)?.[1] ?? NaN)
    if (!Number.isNaN(weight)) weights.set(range!, weight)
  }
  return weights
}

/** The weight of a media type: that of the most specific range that it is in. */
const weightOf = (weights: ReadonlyMap<string, number>, type: string, subtype: string): number =>
  weights.get(`${type}/${subtype}`) ?? weights.get(`${type}/*`) ?? weights.get('*/*') ?? 0

/**
 * The `Vary` of an answer whose form depends on `Accept` (RFC 9110, section 12.5.5). @param stated  what it says
 * already
 */
export function variedByAccept(stated: string | number | string[] | undefined): string {
  const fields = [stated ?? []].flat().join(', ')
  if (fields === '') return 'Accept'
  return /(?:^|,)\s*(?:accept|\*)\s*(?:,|$)/i.test(fields) ? fields : `${fields}, Accept`
}
