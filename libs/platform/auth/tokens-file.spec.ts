import { describe, expect, it } from 'vitest';
import type { AppError } from '#libs/core/kernel';
import { parseTokens, readTokensFile } from './tokens-file.js';

const HASH = 'ab'.repeat(32);

const problemsOf = (text: string): string[] => {
  try {
    parseTokens('tokens.yaml', text);
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid-tokens-file' });
    return (error as AppError).items.map((item) => `${item.path} ${item.message}`);
  }
  return [];
};

describe('the tokens file', () => {
  it('gives entries with roles, scope and expiry', () => {
    const [entry] = parseTokens(
      't',
      `tokens:\n  - id: ci\n    sha256: ${HASH}\n    role: registrar\n    scope: { subject: ['orders.*'] }\n    expires: 2030-01-01T00:00:00Z\n`,
    );
    expect(entry).toMatchObject({ id: 'ci', roles: ['registrar'], expiresAt: Date.UTC(2030, 0, 1) });
    expect(entry!.scope).toEqual(new Map([['subject', ['orders.*']]]));
  });

  it('names every problem, and never a hash', () => {
    const problems = problemsOf(
      JSON.stringify({
        tokens: [
          { id: 'a b', sha256: 'secret', role: 'root' },
          { id: 'b', sha256: HASH, role: 'admin', roles: ['viewer'] },
          { id: 'c', sha256: HASH, roles: ['viewer'], scope: { topics: ['*'] }, expires: 'soon', colour: 1 },
        ],
      }),
    );
    for (const place of ['/tokens/0/id', '/tokens/0/sha256', '/tokens/0/role', '/tokens/1', '/tokens/2/expires'])
      expect(problems.some((problem) => problem.startsWith(place))).toBe(true);
    expect(problems.join()).not.toContain('secret');
  });

  it('refuses an id or a token that stands twice', () => {
    const one = { id: 'a', sha256: HASH, role: 'viewer' };
    expect(problemsOf(JSON.stringify({ tokens: [one, one] }))).toEqual([
      '/tokens/1/id is used twice',
      '/tokens/1/sha256 belongs to another entry too',
    ]);
  });

  it('refuses what is no YAML, and what blows up while it is read', () => {
    expect(problemsOf('tokens: [')).toHaveLength(1);
    expect(problemsOf('a: &a [x]\nb: [*a, *a]\n')).toHaveLength(1);
    expect(problemsOf('')).toHaveLength(1);
    expect(problemsOf('x'.repeat(1024 * 1024 + 1))).toEqual([' is larger than 1048576 bytes']);
  });

  it('says when it cannot be read', async () => {
    await expect(readTokensFile('/nowhere/tokens.yaml')).rejects.toMatchObject({ code: 'invalid-tokens-file' });
  });
});
