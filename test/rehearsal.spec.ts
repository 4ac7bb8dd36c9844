import { expect, it } from 'vitest';
import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory } from '#libs/platform/testing';

it('a full dry run looks at every record once, its service killed in the middle, and writes nothing', async () => {
  const directory = await temporaryDirectory();
  let server = await ServerProcess.start({
    cwd: directory.path,
    env: { WEIR_FAIL_POINT: 'migration-rehearsal:step' },
  });
  const records = new DataPlaneCalls(overHttp(() => server.url));
  const operations = new OperationCalls(overHttp(() => server.url));
  await records.topic('orders', 2);
  const values = Array.from({ length: 700 }, (_, n) => (n === 611 ? { n: 'none' } : { n }));
  for (let at = 0; at < values.length; at += 100) {
    const some = values.slice(at, at + 100).map((value, i) => ({ key: `k${(at + i) % 9}`, value }));
    await records.produce('orders', some);
  }
  const migration = await operations.plan('/v1/migrations/plans', {
    topic: 'orders',
    transform: { up: [{ set: 'value.square', cel: 'value.n * value.n' }] },
    poison: { policy: 'dlq' },
  });
  const planned = await operations.demand<{ hash: string; blockers: string[]; impact: object }>(
    'POST',
    `/v1/migrations/${migration.hash}/rehearsal`,
  );
  const id = await operations.start(planned);
  expect(await server.exited).toMatchObject({ signal: 'SIGKILL' });
  server = await ServerProcess.start({ cwd: directory.path });
  const { state, verification } = await operations.settled(id);
  expect(state).toBe('FINISHED');
  expect(verification).toMatchObject({ records: 700, changed: 699, poison: { 'transform-failed': 1 }, unstable: 0 });
  const [place] = (verification as { examples: Record<string, string[]> }).examples['poison:transform-failed']!;
  const shown = await operations.demand<{ records: { before: unknown }[] }>(
    'POST',
    `/v1/migrations/${migration.hash}/sample`,
    { at: [place] },
  );
  expect(shown.records[0]!.before).toEqual({ n: 'none' });
  expect(await operations.demand('GET', '/v1/topics')).toMatchObject({ items: [{ name: 'orders' }] });
  await server.stop();
  await directory.remove();
});
