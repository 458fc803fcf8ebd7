/** Names and addresses of this machine, as URLs spell them once they are parsed. */
const THIS_MACHINE =
  /^(?:localhost\.?|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])(?=:|$)/

/**
 * A host as it is compared with others: all spellings of this machine are one.
 * @param host  host of a parsed URL, with or without a port
 */
export const comparableHost = (host: string): string => host.replace(THIS_MACHINE, 'localhost')
