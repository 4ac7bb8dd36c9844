import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { writeTokens } from '../../apps/server/testing/running-service.js';
import { dataOf, weir, type WeirRan } from './weir-process.js';

/** Changes of topics; before each of them `orders` is there, and `gone` was deleted. */
const CHANGES: readonly (readonly string[])[] = [
  ['topic', 'create', 'fresh'],
  ['topic', 'config', 'orders', '--set', 'retention.ms=86400000'],
  ['topic', 'protect', 'orders'],
  ['topic', 'unprotect', 'orders'],
  ['topic', 'freeze', 'orders'],
  ['topic', 'unfreeze', 'orders'],
  ['topic', 'restore', 'gone'],
  ['topic', 'trim', 'orders', '--to', 'end'],
  ['topic', 'delete', 'orders'],
  ['topic', 'delete', 'orders', '--permanent', '--force'],
  ['topic', 'delete', 'gone', '--permanent'],
];

describe('a change that is only shown', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  let tokens: Record<string, string>;
  const as = (who: string, ...args: string[]): Promise<WeirRan> =>
    weir([...args, '-o', 'json'], { cwd: directory.path, env: { WEIR_URL: server.url, WEIR_TOKEN: tokens[who]! } });
  const state = async (): Promise<unknown> =>
    Promise.all(
      [
        ['topic', 'list'],
        ['topic', 'list', '--deleted'],
      ].map(async (args) => dataOf(await as('ann', ...args))),
    );
  const errorOf = ({ out }: WeirRan): string | undefined =>
    (JSON.parse(out) as { error: { code: string } | null }).error?.code;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    tokens = await writeTokens(directory.path, [
      { id: 'ann', roles: ['operator', 'admin'] },
      { id: 'vic', roles: ['viewer'] },
    ]);
    const env = { WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml' };
    server = await ServerProcess.start({ cwd: directory.path, env });
    for (const name of ['orders', 'gone']) await as('ann', 'topic', 'create', name);
    await as('ann', 'topic', 'delete', 'gone', '--yes');
  });
  afterAll(async () => {
    await server.kill();
    await directory.remove();
  });

  it.each(CHANGES.map((args) => [args.join(' '), args] as const))(
    'weir %s: refused to who may not do it, and nothing changes',
    async (_, args) => {
      const before = await state();
      const allowed = await as('ann', ...args, '--dry-run');
      expect([allowed.code, errorOf(allowed)], allowed.err).toEqual([0, undefined]);
      const forbidden = await as('vic', ...args, '--dry-run');
      expect([forbidden.code, errorOf(forbidden)]).toEqual([6, 'forbidden']);
      expect(await state()).toEqual(before);
    },
  );

  it('shows what it would come to, and what stands against it', async () => {
    const shown = async (...args: string[]): Promise<unknown> => dataOf(await as('ann', ...args, '--dry-run'));
    expect(await shown('topic', 'freeze', 'orders')).toMatchObject({ frozen: true, state: 'FENCED' });
    expect(await shown('topic', 'restore', 'gone')).toMatchObject({ name: 'gone', state: 'ACTIVE', deletedAt: null });
    expect(await shown('topic', 'delete', 'orders')).toMatchObject({ records: '0', dryRun: true });
    await as('ann', 'topic', 'protect', 'orders');
    const refused = await as('ann', 'topic', 'delete', 'orders', '--dry-run');
    expect([refused.code, errorOf(refused)]).toEqual([4, 'topic-protected']);
    await as('ann', 'topic', 'unprotect', 'orders');
    const kept = await as('ann', 'topic', 'restore', 'orders', '--dry-run');
    expect([kept.code, errorOf(kept)]).toEqual([4, 'topic-not-deleted']);
  });

  it('leaves its idempotency key to the change itself', async () => {
    const key = ['--idempotency-key', 'shown-first'];
    expect((await as('ann', 'topic', 'restore', 'gone', '--dry-run', ...key)).code).toBe(0);
    expect((await as('ann', 'topic', 'restore', 'gone', ...key)).code).toBe(0);
    expect((await as('ann', 'topic', 'delete', 'gone', '--yes')).code).toBe(0);
  });
});
