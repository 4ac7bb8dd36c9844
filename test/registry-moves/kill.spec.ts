import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serverForSuite, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import type { UploadsView } from '#libs/features/registry-moves';
import { ServiceCalls } from '../../apps/server/testing/service-calls.js';
import { begunImport, filled, highestId, settledImport, told } from './moving-service.js';

const SCHEMAS = 200;

describe('an import whose process is killed', () => {
  const source = serverForSuite();
  let file: string;
  let directory: TemporaryDirectory;
  let running: ServerProcess[];
  beforeAll(async () => {
    file = await (await filled(source().url, SCHEMAS)).moves.exported();
  });
  beforeEach(async () => {
    directory = await temporaryDirectory();
    running = [];
  });
  afterEach(async () => {
    for (const server of running) await server.kill();
    await directory.remove();
  });

  const start = async (env: Record<string, string> = {}, url = source().url): Promise<ServerProcess> => {
    const registries = { old: { url, allowedAddresses: ['127.0.0.0/8', '::1'] } };
    const server = await ServerProcess.start({
      cwd: directory.path,
      env: { WEIR_REGISTRIES: JSON.stringify(registries), ...env },
    });
    running.push(server);
    return server;
  };

  const callsOf = ({ url }: ServerProcess) => new ServiceCalls(() => url);

  /** Starts an import in a process that dies at a step. @returns the import's id. */
  const begun = async (failPoint: string, from: 'registry' | 'upload'): Promise<string> => {
    const first = await start({ WEIR_FAIL_POINT: failPoint });
    const calls = callsOf(first);
    const id = await begunImport(calls, {
      source: from === 'registry' ? { registry: 'old' } : { upload: await calls.moves.uploaded(file) },
    });
    expect((await first.exited).signal).toBe('SIGKILL');
    return id;
  };

  it.each([
    ['import:read:3', 'registry'],
    ['import:read:15', 'registry'],
    ['import:ids-taken', 'upload'],
    ['import:brought-in:1', 'registry'],
    ['import:brought-in:7', 'upload'],
    ['import:settings', 'upload'],
    ['import:forgotten', 'registry'],
    ['operation:registry-import:VERIFYING:after', 'upload'],
  ] as const)('at %s, reading a %s, ends with everything there once', async (failPoint, from) => {
    const id = await begun(failPoint, from);
    const second = callsOf(await start());
    const operation = await settledImport(second, id);
    expect(operation).toMatchObject({ state: 'FINISHED', verification: { state: 'passed', mismatches: [] } });
    const there = await second.moves.exported();
    if (from === 'upload') expect(there).toBe(file);
    else expect(told(there)).toEqual(told(file));
    const next = await second.registry.registered('next', '"double"');
    expect(next.id).toBe(highestId(file) + 1);
    expect(await second.moves.demand<UploadsView>('GET', '/v1/registry-imports/uploads')).toEqual({ items: [] });
  });

  it.each([
    ['text', `update registry_schemas set text = '"string"' where context = '.' and id = 7`],
    ['deleted', `update registry_versions set deleted = 1 - deleted where context = '.' and schema_id = 7`],
    ['version', `delete from registry_versions where context = '.' and schema_id = 7`],
  ])('and whose rows are altered before they are read back says so: %s', async (differs, damage) => {
    const id = await begun('import:settings', 'upload');
    const database = new Database(join(directory.path, 'data', 'metadata.sqlite'));
    expect(database.prepare(damage).run().changes).toBe(1);
    database.close();
    const operation = await settledImport(callsOf(await start()), id);
    expect(operation.state).not.toBe('FINISHED');
    expect(operation.verification).toMatchObject({
      state: 'failed',
      mismatches: [{ subject: 'subject-0000', version: 7, differs }],
    });
  });

  it('is not needed to survive a source that dies: it goes on when the source is back', async () => {
    const other = await temporaryDirectory();
    const startSource = (port: string) => ServerProcess.start({ cwd: other.path, env: { WEIR_HTTP_PORT: port } });
    try {
      const first = await startSource('0');
      await filled(first.url, SCHEMAS);
      const target = callsOf(await start({}, first.url));
      const id = await begunImport(target, { source: { registry: 'old' } });
      await expect
        .poll(async () => (await target.operations.operation(id)).progress?.records.done ?? 0, {
          timeout: 30_000,
          interval: 2,
        })
        .toBeGreaterThan(0);
      await first.kill();
      const again = await startSource(new URL(first.url).port);
      running.push(again);
      let operation = await settledImport(target, id);
      for (let n = 0; n < 5 && operation.state !== 'FINISHED'; n++) {
        await target.operations.demand('POST', `/v1/operations/${id}:resume`);
        operation = await settledImport(target, id);
      }
      expect(operation).toMatchObject({ state: 'FINISHED', verification: { state: 'passed' } });
      expect(told(await target.moves.exported())).toEqual(told(await callsOf(again).moves.exported()));
    } finally {
      for (const server of running) await server.kill();
      await other.remove();
    }
  });
});
