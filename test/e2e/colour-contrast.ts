import type { Locator } from 'playwright-core'

/** What of an element, and of the window, the measurement looks at. */
interface Styled {
  parentElement: Styled | null
}
type Window = { getComputedStyle(element: Styled): { color: string; backgroundColor: string; opacity: string } }

/**
 * The contrast ratio of the text of an element to what is behind it (WCAG 2.2, "contrast ratio"), from 1 to 21.
 * Backgrounds that are partly transparent, and the opacity of the elements around it, are taken into account.
 */
export function contrastOf(text: Locator): Promise<number> {
  return text.evaluate((start) => {
    const { getComputedStyle } = globalThis as unknown as Window
    type Colour = [red: number, green: number, blue: number, alpha: number]
    const read = (colour: string): Colour => {
      const [red = 0, green = 0, blue = 0, alpha = 1] = colour.match(/[\d.]+/g)!.map(Number)
      return [red, green, blue, alpha]
    }
    const over = (top: Colour, bottom: Colour): Colour =>
      [0, 1, 2].map((i) => top[i]! * top[3] + bottom[i]! * (1 - top[3])).concat(1) as Colour
    const luminance = (colour: Colour): number =>
      [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
        const part = colour[i]! / 255
        return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
      }, 0)
    const elements: Styled[] = []
    for (let element: Styled | null = start as unknown as Styled; element; element = element.parentElement) {
      elements.push(element)
    }
    let behind: Colour = [255, 255, 255, 1]
    let opacity = 1
    let page = behind
    for (const element of elements.toReversed()) {
      const style = getComputedStyle(element)
      if (opacity === 1) page = behind
      opacity *= Number(style.opacity)
      const own = read(style.backgroundColor)
      behind = over(own, behind)
    }
    const front = over(read(getComputedStyle(elements[0]!).color), behind)
    // what is around fades text and background into the page alike
    const [a, b] = [front, behind]
      .map((colour) => luminance(over([colour[0], colour[1], colour[2], opacity], page)))
      .toSorted((x, y) => y - x)
    return (a! + 0.05) / (b! + 0.05)
  })
}
