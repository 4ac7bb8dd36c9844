import tseslint from 'typescript-eslint';
import { layersRule } from './scripts/lint/layers-rule.js';

// Rules that need types are in .oxlintrc.json: the native compiler tells the types of everything in a tenth of the time.

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'data/**', 'test/fixtures/**', '.cache/**'] },
  ...tseslint.configs.recommended,
  {
    plugins: { weir: { rules: { layers: layersRule } } },
    rules: {
      'weir/layers': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
    },
  },
  { files: ['**/*.ts'], rules: { eqeqeq: 'error' } },
  {
    files: ['libs/core/**/*.ts'],
    ignores: ['**/*.spec.ts', '**/testing/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'core does not read the environment; take the value as a parameter.' },
        { name: 'setTimeout', message: 'core has no real clock; take a Clock.' },
        { name: 'setInterval', message: 'core has no real clock; take a Clock.' },
        { name: 'fetch', message: 'core does no I/O; take a port.' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'core has no real clock; take a Clock.' },
        {
          object: 'Math',
          property: 'random',
          message: 'core takes randomness as a parameter, so that tests can seed it.',
        },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', 'test/**/*.ts', '**/testing/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'it',
          property: 'skip',
          message: 'a test that does not run says so in a suite of its own; nothing is skipped silently.',
        },
        { object: 'it', property: 'only', message: 'would silence every other test.' },
        { object: 'describe', property: 'only', message: 'would silence every other test.' },
        { object: 'describe', property: 'skip', message: 'nothing is skipped silently.' },
      ],
    },
  },
);
