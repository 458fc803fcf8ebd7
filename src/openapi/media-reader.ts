import { pointerToken } from '../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { followReference } from '../schema/local-reference.ts'
import { plainMediaType } from '../validation/media-type.ts'
import type { ApiMedia } from '../schema/types.ts'

/**
 * Reads the media types of a `content` map. Of two that differ only in parameters, the one without wins, else the
 * first.
 * @param pointer  of the map
 */
export function mediaTypes(root: SchemaObject, content: unknown, pointer: string): ApiMedia[] {
  const found = new Map<string, ApiMedia>()
  for (const [name, value] of Object.entries(isObject(content) ? content : {})) {
    const type = plainMediaType(name)
    const located = followReference(root, value, `${pointer}/${pointerToken(name)}`)
    if (!located || (found.has(type) && name.includes(';'))) continue
    found.set(type, {
      type,
      schemaPointer: located.object.schema === undefined ? null : `${located.pointer}/schema`,
      encoding: readEncoding(root, located.object.encoding, `${located.pointer}/encoding`),
    })
  }
  return [...found.values()]
}

/** Encoding Objects with the references of their headers followed. */
function readEncoding(root: SchemaObject, encoding: unknown, pointer: string): Record<string, SchemaObject> {
  const found: [string, SchemaObject][] = []
  for (const [property, value] of Object.entries(isObject(encoding) ? encoding : {})) {
    const at = `${pointer}/${pointerToken(property)}`
    const located = followReference(root, value, at)
    if (!located) continue
    const { headers } = located.object
    found.push([
      property,
      isObject(headers)
        ? {
            ...located.object,
            headers: Object.fromEntries(
              Object.entries(headers).map(([name, header]) => [
                name,
                followReference(root, header, '')?.object ?? header,
              ]),
            ),
          }
        : located.object,
    ])
  }
  return Object.fromEntries(found)
}
