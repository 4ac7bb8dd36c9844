import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withCommands } from './command-hints.js';

/** Every hint in the sources of the service that names a call, with its holes filled. */
function hintsOfService(): string[] {
  const root = join(import.meta.dirname, '../..', '..');
  const hints: string[] = [];
  for (const folder of ['libs', 'apps/server']) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || /spec\.ts$|testing/.test(file)) continue;
      const text = readFileSync(join(root, folder, file), 'utf8');
      for (const [, hint] of text.matchAll(/hint:\s*(?:[^'"`,;]*\?\s*)?(['"`](?:[^\\\n]|\\.)*?['"`])[,;\n]/g)) {
        const filled = hint!.slice(1, -1).replace(/\$\{[^}]*\}/g, 'x1');
        if (/\b(?:GET|POST|PUT|PATCH|DELETE) \//.test(filled)) hints.push(filled);
      }
    }
  }
  return hints;
}

describe('hints of the service on the command line', () => {
  it.each([
    ['Cancel or finish it first: POST /v1/operations/op_1:cancel.', 'Cancel or finish it first: weir op cancel op_1.'],
    [
      'Wait for it, finish it or cancel it: /v1/operations/op_1.',
      'Wait for it, finish it or cancel it: weir op get op_1.',
    ],
    [
      'Restore it with POST /v1/topics/a.b:restore, or delete it for good with DELETE /v1/topics/a.b?permanent=true.',
      'Restore it with weir topic restore a.b, or delete it for good with weir topic delete a.b --permanent.',
    ],
    [
      'Repartition it: weir topic repartition orders --partitions 6, or POST /v1/repartitions/plans.',
      'Repartition it: weir topic repartition orders --partitions 6.',
    ],
    [
      'Use POST /v1/repartitions/plans, which keeps keys together.',
      'Use weir topic repartition, which keeps keys together.',
    ],
    [
      'Derive one: POST /v1/derivations {"kind": "latest", "source": "t", "name": "t-latest"}.',
      'Derive one: weir derive latest t --into t-latest.',
    ],
    [
      'Ask for rows (GET /v1/views/{view}/rows), or with a token.',
      'Ask for rows (weir view query VIEW), or with a token.',
    ],
    ['GET /subjects/a%2Fb/versions/3/referencedby names them.', 'weir schema refs a/b@3 --referenced-by names them.'],
    ['delete it: GET /v1/registry-imports/uploads.', 'delete it: weir api GET /v1/registry-imports/uploads.'],
    [
      'from now (GET /v1/schema-events?from=now), go on.',
      "from now (weir api GET '/v1/schema-events?from=now'), go on.",
    ],
    [
      'Delete them first, or delete it with ?force=true; they fail then.',
      'Delete them first, or delete it with --force; they fail then.',
    ],
    ['Take away what blocks it, and plan again.', 'Take away what blocks it, and plan again.'],
  ])('%s', (said, shown) => {
    expect(withCommands(said)).toBe(shown);
  });

  it('name no call, whatever the service says', () => {
    const hints = hintsOfService();
    expect(hints.length).toBeGreaterThan(15);
    for (const hint of hints) {
      const shown = withCommands(hint);
      expect(shown).toContain('weir ');
      expect(shown.replace(/weir api [A-Z]+/g, '')).not.toMatch(/\b(?:GET|POST|PUT|PATCH|DELETE) '?\//);
    }
  });
});
