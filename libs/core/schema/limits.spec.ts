import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SCHEMA_LIMITS } from './limits.js';

it('the limits of a schema are told to users with their values', () => {
  const page = readFileSync(fileURLToPath(new URL('../../../docs/registry.md', import.meta.url)), 'utf8');
  const rows = new Map(
    [...page.matchAll(/^\| `([A-Za-z]+)` +\| ([0-9,]+) +\|/gm)].map(([, name, value]) => [
      name,
      Number(value!.replaceAll(',', '')),
    ]),
  );
  const { references, ...others } = SCHEMA_LIMITS;
  expect(Object.fromEntries(rows)).toMatchObject({ ...others, referencesTransitive: references });
});
