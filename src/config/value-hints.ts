import { domainToASCII } from 'node:url'
import { closest } from '../schema/suggestion.ts'
import { branches, type SchemaNode } from './schema-wording.ts'

/** Longest text that is looked at: nobody mistypes more. */
const LONGEST = 300

/** What somebody who wrote a text most likely meant, as it would be written; undefined when nothing is near. */
export function meantValue(schema: SchemaNode, value: string): string | undefined {
  if (value.length > LONGEST) return undefined
  const kinds = branches(schema)
  const option = closest(
    value,
    kinds.flatMap((kind) => [...(kind.enum ?? []), kind.const]).filter((option) => typeof option === 'string'),
  )
  if (option !== undefined) return JSON.stringify(option)
  const host = kinds.some(({ title }) => title?.startsWith('host name')) ? bareHost(value) : value
  if (host !== value && fits(schema, host)) return JSON.stringify(host)
  // an object of one key, whose name stands alone
  if (kinds.some((kind) => kind.maxProperties === 1 && Object.hasOwn(kind.properties ?? {}, value))) {
    return `{ ${value}: {} }`
  }
  const { type, items } = schema
  if (type === 'array' && items?.type === 'string' && new RegExp(items.pattern ?? '.').test(value)) {
    return JSON.stringify([value])
  }
  return undefined
}

const fits = (schema: SchemaNode, text: string): boolean =>
  branches(schema).some(({ pattern }) => pattern !== undefined && new RegExp(pattern).test(text))

/**
 * `http:/host` and `http//host` as the URL that the schema asks for; undefined for other text, and for one with a
 * password.
 */
export function withSlashes(schema: SchemaNode, value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > LONGEST || value.includes('@')) return undefined
  const url = value.replace(/^(https?)(?::\/|\/\/)(?=[\w[])/, '$1://')
  return url !== value && fits(schema, url) ? url : undefined
}

/** The name in a URL or with a port, in small letters and as DNS has it (RFC 3490). */
function bareHost(text: string): string {
  const name = text
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/\/.*$/s, '')
    .replace(/:\d*$/, '')
    .replaceAll(/\.{2,}/g, '.')
    .toLowerCase()
  return /^[\x20-\x7E]*$/.test(name) ? name : domainToASCII(name)
}
