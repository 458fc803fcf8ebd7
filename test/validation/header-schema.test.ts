import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lowerCaseHeaderNames } from '../../src/validation/request-check.ts'

test('names of headers become small, their values stay', () => {
  assert.deepEqual(
    lowerCaseHeaderNames({
      required: ['X-Tenant'],
      properties: { 'X-Tenant': { enum: ['A', 'B'] } },
      dependentRequired: { 'If-Match': ['X-Reason'] },
      allOf: [{ properties: { 'X-Kind': { const: 'C' } } }],
      propertyNames: { enum: ['X-Tenant', 'X-Kind'] },
    }),
    {
      required: ['x-tenant'],
      properties: { 'x-tenant': { enum: ['A', 'B'] } },
      dependentRequired: { 'if-match': ['x-reason'] },
      allOf: [{ properties: { 'x-kind': { const: 'C' } } }],
      propertyNames: { enum: ['x-tenant', 'x-kind'] },
    },
  )
})
