import fp from 'fastify-plugin'
import { BasicUserList } from '../../src/auth/basic/basic-schema.ts'
import { BasicScheme, compileUsers } from '../../src/auth/basic/basic-scheme.ts'
import { keepFileLoaded, readCheckedFile } from '../../src/config/checked-file.ts'
import { configurationProblem } from '../../src/errors.ts'
import { milliseconds } from '../../src/units.ts'

/** Users with passwords, of the configuration and of a file that is watched. */
export default fp(
  async (app) => {
    const settings = app.config.basic
    if (!settings) return
    await app.addAuthScheme('basic', () => {
      const { users = [], file } = settings
      if (users.length === 0 && file === undefined) {
        throw configurationProblem('basic', 'has no users: state users, or a file of them')
      }
      const configured = compileUsers(users, 'configuration', 'basic.users')
      const scheme = new BasicScheme(milliseconds(settings.rememberFor))
      if (file === undefined) scheme.replace(configured)
      else {
        keepFileLoaded(app, file, (path, name) =>
          scheme.replace(new Map([...compileUsers(readCheckedFile(path, name, BasicUserList), name), ...configured])),
        )
      }
      return scheme
    })
  },
  { name: 'basic', dependencies: ['auth-schemes'] },
)
