import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';
import { ServiceCalls } from './testing/service-calls.js';

/** Longest wait for a count, which begins when the service has started. */
const SOON = { timeout: 30_000, interval: 50 };

interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

describe('a service whose registry serves something else than what is stored', () => {
  let directory: TemporaryDirectory;
  let running: RunningService | undefined;
  const { registry, records } = new ServiceCalls(() => running!.url);
  const start = async (): Promise<void> => {
    running = await runService({ WEIR_DATA_DIR: join(directory.path, 'data') });
  };
  const stop = async (): Promise<void> => {
    await running?.stop();
    running = undefined;
  };

  beforeEach(async () => {
    directory = await temporaryDirectory();
    await start();
    for (const [n, type] of ['int', 'long', 'string'].entries()) await registry.registered(`s${n}`, `"${type}"`);
    await stop();
  });
  afterEach(async () => {
    await stop();
    await directory.remove();
  });

  /** What only somebody else can do to the database, while nobody has it. */
  const damage = (sql: string): void => {
    const database = new Database(join(directory.path, 'data/metadata.sqlite'));
    database.pragma('foreign_keys = OFF');
    expect(database.prepare(sql).run().changes).toBe(1);
    database.close();
  };
  const readiness = async () => {
    const { status, json } = await records.get<Readiness>('/readyz');
    return { status, ready: json.ready, registry: json.checks['registry'] };
  };
  const counted = async (): Promise<boolean> =>
    (await records.get('/metrics')).text.includes('weir_registry_kept{kind="schemas"}');

  it('is not ready, says what is missing, and goes on to answer', async () => {
    damage(`DELETE FROM registry_schemas WHERE id = 2`);
    await start();
    await expect.poll(readiness, SOON).toEqual({
      status: 503,
      ready: false,
      registry: { status: 'failing', detail: 'serves 3 schemas where 2 are stored' },
    });
    expect(running!.log.join('\n')).toContain('the registry serves 3 schemas where 2 are stored');
    expect((await registry.get('/schemas/ids/1')).status).toBe(200);
  });

  it('control: is ready, once it has counted, where nothing is missing', async () => {
    await start();
    await expect.poll(counted, SOON).toBe(true);
    expect(await readiness()).toEqual({ status: 200, ready: true, registry: { status: 'ok' } });
  });
});
