import { test } from 'node:test'
import { buildSample } from '../../src/cli/standby.ts'

test('the project that a standby warms up with has no mistake', buildSample)
