import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CheckResultView } from '#libs/features/registry';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ServiceCalls } from '../apps/server/testing/service-calls.js';

let directory: TemporaryDirectory;
let server: ServerProcess;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  await server.kill();
  await directory.remove();
});

const { registry: calls, operations } = new ServiceCalls(() => server.url);
const start = async (env: Record<string, string> = {}) => {
  server = await ServerProcess.start({
    cwd: directory.path,
    env: { WEIR_SCHEMAS_COMPARED_VERSIONS: '10', ...env },
  });
};
const VERSIONS = 160;
const version = (n: number) =>
  JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'f', type: n === 3 ? 'string' : 'int', doc: `${n}` }] });
const candidate = '{"type":"record","name":"R","fields":[{"name":"f","type":"long"}]}';

async function ask(): Promise<void> {
  const response = await fetch(`${server.url}/v1/schemas:check`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'respond-async' },
    body: JSON.stringify({ subject: 's', schema: candidate, levels: ['FULL_TRANSITIVE'] }),
  });
  expect(response.status).toBe(202);
}

it('a check of very many versions goes on after its process was killed, again and again, and comes to the same', async () => {
  await start();
  await calls.put('/config/s', { compatibility: 'NONE' });
  for (let n = 1; n <= VERSIONS; n++) await calls.registered('s', version(n));
  await server.stop();

  await start({ WEIR_FAIL_POINT: 'check:step:2' });
  // The process may be gone before it answers.
  await ask().catch(() => undefined);
  await server.exited;
  // Dies once more: before what it found last is saved.
  await start({ WEIR_FAIL_POINT: 'check:step:2' });
  await server.exited;

  await start();
  const { items } = await calls.demand<{ items: { id: string }[] }>('GET', '/v1/operations?kind=schema-check');
  const operation = items[0]!.id;
  expect(items).toHaveLength(1);
  const ended = await operations.settled(operation);
  expect(ended).toMatchObject({ state: 'FINISHED', lastError: null });
  expect(ended.restarts).toBeGreaterThanOrEqual(2);
  const { check, over } = await calls.demand<CheckResultView>('GET', `/v1/schema-checks/${operation}`);
  expect([over, check?.compatible]).toEqual([true, false]);
  const verdicts = new Map(check!.verdicts.map((one) => [one.level, one]));
  const from = (n: number) => Array.from({ length: VERSIONS - n + 1 }, (_, i) => VERSIONS - i);
  expect(verdicts.get('BACKWARD_TRANSITIVE')).toMatchObject({ comparedWith: from(3), failedAt: 3 });
  expect(verdicts.get('FORWARD_TRANSITIVE')).toMatchObject({ comparedWith: [VERSIONS], failedAt: VERSIONS });
  // The answer of a service that may compare with all of them at once.
  await server.stop();
  await start({ WEIR_SCHEMAS_COMPARED_VERSIONS: '1000' });
  const body = { subject: 's', schema: candidate, levels: ['FULL_TRANSITIVE'] };
  expect(await calls.demand('POST', '/v1/schemas:check', body)).toEqual(check);
});
