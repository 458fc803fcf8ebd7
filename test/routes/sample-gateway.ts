import { fileURLToPath } from 'node:url'
import type { Service } from '../../demo/service.ts'
import { buildApp } from '../../src/app.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { countedLines } from '../support/counted.ts'

/** A gateway with the sample routes in front of a demo service. */
export interface SampleGateway {
  url: string
  /** Sends a request with a token that has these scopes; null sends none. */
  call(
    method: string,
    path: string,
    scopes: string[] | null,
    body?: string | object,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Headers; body: any }>
  /** What the gateway has counted, as text for Prometheus. */
  metrics(): Promise<string>
  close(): Promise<void>
}

/** @param variable  environment variable from which the sample route takes the address of its service */
export async function startSample(variable: string, service: Service): Promise<SampleGateway> {
  process.env[variable] = service.url
  try {
    return await sampleGateway(service)
  } catch (error) {
    // a service that listens would keep the test alive
    await service.close()
    throw error
  }
}

async function sampleGateway(service: Service): Promise<SampleGateway> {
  const config = await loadConfig({
    env: { GATEHOUSE_JWT_SECRET: 'a secret for the tests of the sample routes', GATEHOUSE_LOG_LEVEL: 'silent' },
    overrides: { port: 0 },
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  })
  const app = await buildApp(config)
  const url = await app.listen({ host: config.host, port: 0 })
  return {
    url,
    async call(method, path, scopes, body, headers = {}) {
      const token = scopes && (await signToken(config.jwt!, { sub: 'tester', scopes, expiresIn: '1m' }))
      const response = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: {
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...headers,
        },
        body: typeof body === 'object' ? JSON.stringify(body) : body,
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        body: /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text,
      }
    },
    metrics: async () => countedLines(app),
    async close() {
      await Promise.all([app.close(), service.close()])
    },
  }
}
