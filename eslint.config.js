import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['node_modules/', 'docs/'] }),
  {
    rules: {
      // a TypeBox schema and the type made of it share one name
      '@typescript-eslint/no-redeclare': 'off',
      'no-redeclare': 'off',
      // tables read best with several entries a line
      '@stylistic/object-property-newline': 'off',
    },
  },
]
