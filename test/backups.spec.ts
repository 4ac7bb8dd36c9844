import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { BackedUpService, type Body } from './backed-up-service.js';

/** Many starts, each of which a busy machine may hold up. */
const LONG_MS = 600_000;

describe('a backup of the service as a process', { timeout: LONG_MS }, () => {
  let directory: TemporaryDirectory;
  let service: BackedUpService;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    service = new BackedUpService(directory.path);
  });
  afterEach(async () => {
    await service.kill();
    await directory.remove();
  });

  it('is verified and restored into an empty directory over a wiped one: ids, offsets, positions and verdicts are the same', async () => {
    await service.start('data');
    await service.fill();
    const before = await service.world();
    const id = await service.take();
    const verification = await service.call('POST', `/v1/backups/${id}:verify`);
    expect(verification.status).toBe(202);
    expect(await service.ended(verification.body.operation)).toBe('FINISHED');
    expect((await service.done('GET', `/v1/backups/${id}`)).verification).toMatchObject({ sound: true, problems: [] });
    expect((await service.done('GET', '/v1/backups')).items.map((one) => one.id)).toEqual([id]);
    await service.kill();
    await rm(join(directory.path, 'data'), { recursive: true });
    await service.start('data', { args: ['--restore', id] });
    expect(await service.world()).toBe(before);
    // The view is computed anew, and everything goes on.
    let rows = '';
    while (!rows.includes('"k0"')) rows = JSON.stringify((await service.call('GET', '/v1/views/counts/rows')).body);
    expect((await service.call('POST', '/v1/topics/gone:restore')).status).toBe(200);
    expect((await service.done('GET', '/v1/operations?live=true')).items).toEqual([]);
    await service.server.stop();
    // Given again, the option does nothing.
    await service.start('data', { args: ['--restore', id] });
    expect((await service.call('DELETE', `/v1/backups/${id}`)).status).toBe(204);
    expect((await service.call('GET', `/v1/backups/${id}`)).status).toBe(404);
  });

  it('keeps what the log remembers beside records: compaction, retention, requests sent once, leases, frozen and deleted topics', async () => {
    await service.start('data');
    await service.fill();
    await service.fillWithState();
    await service.server.stop();
    // Retention and compaction rest, so that what is compared stands still.
    const env = { WEIR_LOG_RETENTION_CHECK_MS: '0' };
    await service.start('data', { env });
    const before = await service.world();
    const id = await service.take();
    const once = await service.produceOnce();
    await service.kill();
    await service.start('restored', { env, args: ['--restore', id] });
    expect(await service.world()).toBe(before);
    // The request is known, and answered with what it wrote then.
    expect(await service.produceOnce()).toEqual(once);
    expect(once.replayed).toBe('true');
    await service.done('POST', '/v1/topics/produced/records', { records: [{ value: 'more' }] });
    expect(await service.world(), 'control: it tells what was written').not.toBe(before);
    // Of the mails the one that was acknowledged does not come again.
    const { lease } = await service.done('POST', '/v1/groups/mailers/leases', { topics: ['mails'], maxRecords: 10 });
    const { records } = await service.done('GET', `/v1/leases/${lease.id}/records`);
    expect(records.map(({ offset }) => offset)).toEqual(['0', '2', '3', '4']);
    expect((await service.call('POST', '/v1/topics/ledger/records', { records: [{ value: 1 }] })).body.code).toBe(
      'topic-frozen',
    );
    await service.done('POST', '/v1/topics/ledger:unfreeze');
    await service.done('POST', '/v1/topics/ledger/records', { records: [{ value: 1 }] });
    await service.done('POST', '/v1/topics/old:restore');
    expect((await service.done('GET', '/v1/topics/old/records?from=start')).records).toHaveLength(3);
    expect(JSON.stringify(await service.done('GET', '/v1/groups/readers'))).toContain('"offset":"2"');
  });

  it('that was cut short by a kill at any step is not there, and is taken all the same when the service goes on', async () => {
    await service.start('data');
    await service.fill();
    await service.server.stop();
    for (const step of ['begun', 'cut', 'file-copied:5', 'copied', 'flushed', 'named']) {
      await service.start('data', { env: { WEIR_FAIL_POINT: `backup:${step}` } });
      const asked = await service.call('POST', '/v1/backups', {}).catch(() => undefined);
      expect(await service.server.exited).toMatchObject({ signal: 'SIGKILL' });
      const complete = (await readdir(join(directory.path, 'backups'))).filter((name) => !name.includes('.'));
      expect(complete.length, step).toBe(step === 'named' ? 1 : 0);
      await service.start('data');
      let items: Body['items'] = [];
      while (items.length === 0) ({ items } = (await service.call('GET', '/v1/backups')).body);
      if (asked !== undefined) {
        expect(items[0]!.id).toBe(asked.body.id);
        expect(await service.ended(asked.body.operation)).toBe('FINISHED');
      }
      expect(await readdir(join(directory.path, 'backups'))).toEqual([items[0]!.id]);
      await service.call('DELETE', `/v1/backups/${items[0]!.id}`);
      await service.server.stop();
    }
  });

  it('that is restored and killed at any step leaves an empty directory or all of it', async () => {
    await service.start('data');
    await service.fill();
    const before = await service.world();
    const id = await service.take();
    await service.kill();
    const decided = new Set(['decided', 'placed', 'placed:2', 'complete']);
    for (const step of ['begun', 'file-copied:3', 'copied', 'flushed', ...decided]) {
      const data = `restored-${step.replace(':', '-')}`;
      const launch = { env: { WEIR_FAIL_POINT: `restore:${step}` }, args: ['--restore', id] };
      const { exited } = ServerProcess.launch(service.launch(data, launch));
      expect(await exited, step).toMatchObject({ signal: 'SIGKILL' });
      // Whoever starts it now without a word finds one or the other.
      await service.start(data);
      const topics = (await service.done('GET', '/v1/topics')).items;
      if (decided.has(step)) expect(await service.world(), step).toBe(before);
      else expect(topics, step).toEqual([]);
      await service.kill();
    }
  });

  it('is restored over REST by a service that holds nothing, which goes on at its address; killed at any step it goes on by itself after the next start', async () => {
    await service.start('data');
    await service.fill();
    const before = await service.world();
    const id = await service.take();
    expect((await service.call('POST', `/v1/backups/${id}:restore`)).status).toBe(409);
    await service.kill();
    await service.start('fresh');
    expect((await service.call('POST', `/v1/backups/${id}:restore`)).status).toBe(202);
    await service.untilRestored();
    expect(await service.world()).toBe(before);
    await service.kill();
    for (const step of [
      'begun',
      'file-copied:3',
      'copied',
      'flushed',
      'closing',
      'decided',
      'cleared',
      'placed:2',
      'complete',
    ]) {
      const data = `over-rest-${step.replace(':', '-')}`;
      await service.start(data, { env: { WEIR_FAIL_POINT: `restore:${step}` } });
      await service.call('POST', `/v1/backups/${id}:restore`).catch(() => undefined);
      expect(await service.server.exited, step).toMatchObject({ signal: 'SIGKILL' });
      await service.start(data);
      await service.untilRestored();
      expect(await service.world(), step).toBe(before);
      await service.kill();
    }
  });

  it('is not restored over data, and says so in words and exit code', async () => {
    await service.start('data');
    const id = await service.take();
    await service.server.stop();
    for (const [named, text] of [
      [id, 'holds something already'],
      ['nothing', "There is no backup 'nothing'"],
    ] as const) {
      const { exited, output } = ServerProcess.launch(service.launch('data', { args: ['--restore', named] }));
      expect(await exited).toMatchObject({ code: 73 });
      expect(output()).toContain(text);
    }
    const { exited, output } = ServerProcess.launch(service.launch('data', { args: ['--frobnicate'] }));
    expect(await exited).toMatchObject({ code: 78 });
    expect(output()).toContain('--restore');
  });
});
