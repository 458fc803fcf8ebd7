import type { TestContext } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import authSchemes from '../../../plugins/auth/auth-schemes.ts'
import authenticate from '../../../plugins/auth/authenticate.ts'
import jwt from '../../../plugins/auth/jwt.ts'
import rateLimits from '../../../plugins/limits/rate-limit.ts'
import type { Config, ConfigInput } from '../../../src/config/config-schema.ts'
import { answerError } from '../../../src/listener/error-answer.ts'
import { preparePhases } from '../../../src/phases.ts'
import { JWT_SECRET, testConfig } from '../../support/gateway.ts'

export interface StageOptions {
  config?: ConfigInput
  /** Where the lines of the log go. */
  log?: { write(line: string): void }
}

/** The stages of authentication and limits alone, on a bare Fastify that answers errors as the gateway does. */
export async function stageApp(t: TestContext, { config = {}, log }: StageOptions = {}): Promise<FastifyInstance> {
  const app = fastify({
    exposeHeadRoutes: false,
    ...(log ? { logger: { level: 'info', stream: log } } : {}),
  }) as unknown as FastifyInstance
  app.decorate('config', testConfig('.', { jwt: { secret: JWT_SECRET }, ...config }) as Config)
  app.decorateRequest('consumer', null)
  app.setErrorHandler(answerError)
  t.after(() => app.close())
  preparePhases(app)
  await app.register(authSchemes)
  await app.register(jwt)
  await app.register(authenticate)
  await app.register(rateLimits)
  return app
}
