import dns from 'node:dns'

// Names below `.localhost` stand for this machine (RFC 6761, section 6.3). Browsers know that, getaddrinfo() often does
// not. Also loaded into the processes of others with `--import`.
const system = dns.lookup as (...args: unknown[]) => void

const lookup = (name: string, ...rest: unknown[]): void =>
  system(name.endsWith('.localhost') ? '127.0.0.1' : name, ...rest)
dns.lookup = Object.defineProperties(lookup, Object.getOwnPropertyDescriptors(system)) as typeof dns.lookup
