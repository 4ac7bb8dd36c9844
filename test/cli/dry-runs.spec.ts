import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { writeTokens } from '../../apps/server/testing/running-service.js';
import { dataOf, weir, type WeirRan } from './weir-process.js';

/** Before each of them `orders` is there, `read` with a group, a derived stream and a view of two versions, and `gone` was deleted. */
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
  ['group', 'delete', 'readers'],
  ['derive', 'pause', 'latest'],
  ['derive', 'resume', 'latest'],
  ['derive', 'delete', 'latest'],
  ['view', 'pause', 'seen'],
  ['view', 'resume', 'seen'],
  ['view', 'retire', 'seen', '2'],
  ['view', 'delete', 'seen'],
];

const STABLE = ['name', 'state', 'protected', 'frozen', 'deletedAt', 'config', 'group', 'version', 'role'];

describe('a change that is only shown', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  let tokens: Record<string, string>;
  const as = (who: string, ...args: string[]): Promise<WeirRan> =>
    weir([...args, '-o', 'json'], { cwd: directory.path, env: { WEIR_URL: server.url, WEIR_TOKEN: tokens[who]! } });
  /** What is there, without what moves by itself. */
  const state = async (): Promise<unknown> => {
    const told: unknown[] = [];
    for (const list of ['topics', 'topics?deleted=true', 'groups', 'derivations', 'views/seen/versions']) {
      const headers = { authorization: `Bearer ${tokens['ann']!}` };
      const answer = await fetch(`${server.url}/v1/${list}`, { headers });
      for (const one of ((await answer.json()) as { items: Record<string, unknown>[] }).items)
        told.push(STABLE.map((member) => one[member]));
    }
    return told;
  };
  const errorOf = ({ out }: WeirRan): string | undefined =>
    (JSON.parse(out) as { error: { code: string } | null }).error?.code;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    tokens = await writeTokens(directory.path, [
      { id: 'ann', roles: ['operator', 'admin', 'producer'] },
      { id: 'vic', roles: ['viewer'] },
    ]);
    const env = { WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml' };
    server = await ServerProcess.start({ cwd: directory.path, env });
    for (const name of ['orders', 'gone', 'read']) await as('ann', 'topic', 'create', name);
    await as('ann', 'topic', 'delete', 'gone', '--yes');
    await fetch(`${server.url}/v1/groups/readers/positions`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens['ann']!}` },
      body: JSON.stringify({ positions: [{ topic: 'read', partition: 0, offset: '0' }] }),
    });
    const ready = async (...args: string[]): Promise<void> => {
      const ran = await as('ann', ...args);
      expect([args, ran.code], ran.out).toEqual([args, 0]);
    };
    await ready('derive', 'latest', 'read', '--into', 'latest', '--yes', '--wait', '--timeout', '60s');
    const id = { from: 'key', type: 'text' };
    for (const columns of [{ n: { from: 'value.n', type: 'integer' } }, { key: id }]) {
      writeFileSync(
        `${directory.path}/view.json`,
        JSON.stringify({ source: { topic: 'read', mode: 'latest' }, key: { id }, columns }),
      );
      await ready('view', 'create', 'seen', '-f', 'view.json');
    }
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
