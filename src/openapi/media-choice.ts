interface Accepted {
  type: string
  /** From 0 to 1; 0 refuses. */
  quality: number
}

/** Reads an `Accept` header (RFC 9110, section 12.5.1); parameters of media types are passed over. */
function accepted(header: string): Accepted[] {
  return header
    .toLowerCase()
    .split(',')
    .slice(0, 100)
    .flatMap((part) => {
      const [type = '', ...parameters] = part.split(';').map((text) => text.trim())
      if (!/^[^\s/]+\/[^\s/]+$/.test(type)) return []
      const weight = parameters.find((parameter) => parameter.startsWith('q='))
      const quality = weight === undefined ? 1 : Number(weight.slice(2))
      return [{ type, quality: quality >= 0 && quality <= 1 ? quality : 0 }]
    })
}

const isRange = (type: string): boolean => type.endsWith('/*')
const holds = (range: string, type: string): boolean =>
  range === '*/*' || range === type || (isRange(range) && type.startsWith(range.slice(0, -1)))

/** One of the media types that there are. */
export interface MediaChoice {
  /** As it is offered; may be a range. */
  offered: string
  /** What the answer says. */
  type: string
}

/**
 * The media type that a client likes best, the first of several.
 * @param offered  in small letters, without parameters; ranges (`text/*`) too
 * @param accept   header of the request; without it everything is welcome
 * @returns null when the client accepts none
 */
export function chooseMedia(offered: readonly string[], accept: string | undefined): MediaChoice | null {
  const ranges = accept === undefined ? [] : accepted(accept)
  const wishes = ranges.length === 0 ? [{ type: '*/*', quality: 1 }] : ranges
  let best: MediaChoice | null = null
  let bestQuality = 0
  for (const offer of offered) {
    // of a range the client says which, as far as it does
    const type = isRange(offer)
      ? (wishes
          .filter((wish) => wish.quality > 0 && !isRange(wish.type) && holds(offer, wish.type))
          .toSorted((one, other) => other.quality - one.quality)[0]?.type ?? concrete(offer))
      : offer
    const quality =
      wishes
        .filter((wish) => holds(wish.type, type))
        .toSorted((one, other) => precision(other.type) - precision(one.type))[0]?.quality ?? 0
    if (quality > bestQuality) {
      best = { offered: offer, type }
      bestQuality = quality
    }
  }
  return best
}

const precision = (range: string): number => (range === '*/*' ? 0 : isRange(range) ? 1 : 2)
const concrete = (range: string): string =>
  range === 'text/*'
    ? 'text/plain'
    : range === '*/*' || range === 'application/*'
      ? 'application/json'
      : 'application/octet-stream'
