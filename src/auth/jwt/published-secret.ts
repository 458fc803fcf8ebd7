/** Secrets that this project has published in its examples, so that everybody can sign with them. */
const KNOWN: ReadonlySet<string> = new Set(['for-trying-things-out-only-do-not-use-elsewhere'])

/** Whether a secret is one that everybody knows. */
export const isPublishedSecret = (secret: string): boolean => KNOWN.has(secret.trim().toLowerCase())

/** Why such a secret is refused, and what to do. */
export const PUBLISHED =
  'found the secret of an example of this project, which everybody knows: make your own with `openssl rand -hex 32 > jwt-secret.txt`, and set GATEHOUSE_JWT_SECRET_FILE=jwt-secret.txt'
