import neostandard, { plugins } from 'neostandard'

export default [
  // Prettier has the form of the code (`npm run format`)
  ...neostandard({ ts: true, noStyle: true, ignores: ['node_modules/', 'docs/', 'coverage/'] }),
  {
    rules: {
      // a TypeBox schema and the type made of it share one name
      '@typescript-eslint/no-redeclare': 'off',
      'no-redeclare': 'off',
    },
  },
  {
    // a promise that nobody ends becomes an unhandled rejection, which ends the process
    files: ['src/**/*.ts', 'plugins/**/*.ts'],
    // the supervisor of `start --watch` serves no requests
    ignores: ['src/cli/**'],
    plugins: { '@typescript-eslint': plugins['typescript-eslint'].plugin },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false, checkThenables: false }],
      'no-restricted-syntax': [
        'error',
        {
          selector: "ExpressionStatement > CallExpression[callee.property.name='then'][arguments.length=2]",
          message:
            'The second argument of then() does not catch what the first throws: end the promise with settle() on the way of a request, with catch() elsewhere.',
        },
      ],
    },
  },
]
