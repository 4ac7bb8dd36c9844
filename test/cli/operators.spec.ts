import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverForSuite, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { dataOf, weir } from './weir-process.js';

interface Operation {
  id: string;
  state: string;
}

describe('operators', () => {
  const server = serverForSuite();
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    directory = await temporaryDirectory();
  });
  afterAll(() => directory.remove());
  const run = (args: readonly string[], stdin = ''): ReturnType<typeof weir> =>
    weir(args, { cwd: directory.path, env: { WEIR_URL: server().url }, stdin });
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, n) => `{"key": "k${n % 17}", "value": {"n": ${n}}}\n`).join('');
  const topic = async (name: string, partitions: number, records: number): Promise<void> => {
    expect((await run(['topic', 'create', name, '--partitions', String(partitions)])).code).toBe(0);
    expect(dataOf<object>(await run(['topic', 'produce', name, '-o', 'json'], lines(records)))).toEqual({
      topic: name,
      written: records,
      failed: 0,
      refused: [],
    });
  };

  it('write, read by position, change and delete topics', async () => {
    await topic('t', 2, 100);
    const numbers = async (...args: string[]): Promise<number[]> =>
      (await run(['topic', 'consume', 't', '-o', 'jsonl', ...args])).out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { value: { n: number } }).value.n);
    expect((await numbers()).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(await numbers('-n', '3')).toHaveLength(3);
    expect(await numbers('--from', '-1')).toHaveLength(2);
    expect(await numbers('--from', 'end')).toEqual([]);
    expect(await numbers('--from', '@-1h', '--filter', 'value.n=42')).toEqual([42]);
    // Conditions are CEL; all filters must hold, and each record that is shown counts.
    const sorted = async (...args: string[]): Promise<number[]> => (await numbers(...args)).sort((a, b) => a - b);
    expect(await sorted('--filter', 'value.n >= 98 && headers.size() == 0')).toEqual([98, 99]);
    expect(await sorted('--filter', 'value.n < 6', '--filter', 'value.n % 2 == 0')).toEqual([0, 2, 4]);
    expect(await sorted('--filter', 'value.n=42', '--filter', 'partition >= 0')).toEqual([42]);
    expect(await sorted('--filter', 'value.n=42', '--filter', 'value.n == 41')).toEqual([]);
    expect(await numbers('--filter', 'value.n > 50', '-n', '3')).toHaveLength(3);
    const lost = await run(['topic', 'consume', 't', '--filter', 'value.colour == "red"']);
    expect([lost.code, lost.out, lost.err]).toEqual([0, '', expect.stringContaining('no answer for 100 records')]);
    for (const args of [
      ['--filter', 'value.n >'],
      ['--filter', 'vlaue.n > 1'],
      ['--filter', 'true', '--decode', 'hex'],
    ])
      expect([args, (await run(['topic', 'consume', 't', '--from', 'end', ...args])).code]).toEqual([args, 2]);
    const offsets = async (...args: string[]): Promise<string[]> =>
      dataOf<{ offset: string }[]>(await run(['topic', 'consume', ...args, '-o', 'json'])).map(({ offset }) => offset);
    expect(await offsets('t/0', '--from', '+1', '-n', '1')).toEqual(['1']);
    expect(await offsets('t/0', '--from', '+1', '--until', '+3')).toEqual(['1', '2']);
    // Where each partition ends elsewhere, each is read by itself.
    expect(await numbers('--until', '-1')).toHaveLength(98);
    const [raw, hex] = await Promise.all(
      ['raw', 'hex'].map(async (decode) =>
        dataOf<{ key: string; value: string; valueFormat: string }[]>(
          await run(['topic', 'consume', 't', '-n', '1', '--decode', decode, '-o', 'json']),
        ),
      ),
    );
    expect(Buffer.from(hex![0]!.value, 'hex')).toEqual(Buffer.from(raw![0]!.value, 'base64'));
    expect([raw![0]!.valueFormat, hex![0]!.valueFormat]).toEqual(['binary', 'hex']);
    expect((await run(['topic', 'consume', 't', '--follow', '-o', 'json'])).code).toBe(2);
    expect((await run(['topic', 'consume', 't/9', '--from', '+1'])).code).toBe(5);
    expect((await run(['topic', 'consume', 't', '--from', 'yesterday'])).code).toBe(2);
    expect(await run(['topic', 'produce', 't'], 'oops\n')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Line 1 is no JSON'),
    });
    expect(await run(['topic', 'produce', 't'], '"a text"\n')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Line 1 is no record'),
    });
    expect((await run(['topic', 'config', 't', '--set', 'retention.ms=1000000', '-o', 'json'])).out).toContain(
      '1000000',
    );
    expect((await run(['topic', 'config', 't', '--set', 'retention.ms=much'])).code).toBe(2);
    expect((await run(['topic', 'trim', 't/0', '--to', '+5'])).code).toBe(2);
    expect(
      dataOf<{ partitions: object[] }>(await run(['topic', 'trim', 't/0', '--to', '+5', '--yes', '-o', 'json']))
        .partitions,
    ).toMatchObject([{ partition: 0, newStartOffset: '5' }]);
    expect((await run(['topic', 'protect', 't'])).code).toBe(0);
    expect((await run(['topic', 'delete', 't', '--yes'])).code).toBe(4);
    expect((await run(['topic', 'unprotect', 't'])).code).toBe(0);
    expect((await run(['topic', 'delete', 't', '--yes'])).code).toBe(0);
    expect((await run(['topic', 'describe', 't'])).code).toBe(5);
    expect((await run(['topic', 'restore', 't'])).code).toBe(0);
    expect((await run(['topic', 'list', '-o', 'name'])).out).toContain('t\n');
  });

  it('repartition with progress on stderr, events as lines, and finish', async () => {
    await topic('r', 2, 2_000);
    const planned = await run(['topic', 'repartition', 'r', '--partitions', '5', '--dry-run', '-o', 'json']);
    expect([planned.code, dataOf<{ steps: string[] }>(planned).steps.length > 3]).toEqual([0, true]);
    expect((await run(['topic', 'repartition', 'r', '--partitions', '5'])).code).toBe(2);
    const done = await run([
      'topic',
      'repartition',
      'r',
      '--partitions',
      '5',
      '--yes',
      '--wait',
      '--timeout',
      '90s',
      '-o',
      'json',
    ]);
    expect([done.code, dataOf<Operation>(done).state]).toEqual([0, 'SWITCHED']);
    expect(done.err).toMatch(/switched 100\.0% /);
    const { id } = dataOf<Operation>(done);
    const watched = await run(['op', 'watch', id, '-o', 'jsonl']);
    expect(watched.code).toBe(0);
    for (const line of watched.out.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
    expect((await run(['op', 'logs', id, '-o', 'json'])).code).toBe(0);
    expect((await run(['op', 'list', '--kind', 'repartition', '--since', '1h', '-o', 'name'])).out).toBe(`${id}\n`);
    expect((await run(['op', 'finish', id, '--yes'])).code).toBe(0);
    expect((await run(['op', 'rollback', id, '--yes'])).code).toBe(4);
    expect((await run(['op', 'get', 'op_none'])).code).toBe(5);
    expect(dataOf<{ partitionCount: number }>(await run(['topic', 'describe', 'r', '-o', 'json'])).partitionCount).toBe(
      5,
    );
  });

  it('stop waiting with 7 and the id when the time is up, and are told with 8 of what is cancelled', async () => {
    await topic('w', 1, 500);
    const late = await run([
      'topic',
      'repartition',
      'w',
      '--partitions',
      '2',
      '--no-cutover',
      '--yes',
      '--wait',
      '--timeout',
      '3s',
    ]);
    expect(late).toMatchObject({ code: 7, out: '' });
    const id = /op_\w+/.exec(late.err)![0];
    const watching = run(['op', 'watch', id, '-o', 'json']);
    expect((await run(['op', 'cancel', id, '--yes'])).code).toBe(0);
    const ended = await watching;
    expect([
      ended.code,
      dataOf<Operation>(ended).state,
      (JSON.parse(ended.out) as { error: { code: string } }).error.code,
    ]).toEqual([8, 'CANCELLED', 'operation-failed']);
  });

  it('derive, view and infer', async () => {
    await topic('d', 1, 50);
    const derived = await run(['derive', 'latest', 'd', '--into', 'd-latest', '--yes', '-o', 'json']);
    expect(derived.code).toBe(0);
    writeFileSync(`${directory.path}/samples.jsonl`, '{"a": 1}\n{"a": 2}\n');
    expect((await run(['schema', 'infer', '--from', 'samples.jsonl', '--name', 'S'])).out).toContain('"S"');
    expect((await run(['schema', 'infer', '--from', 'topic:d', '--type', 'json', '-o', 'json'])).code).toBe(0);
    const declaration = {
      source: { topic: 'd', mode: 'events' },
      key: { n: { from: 'value.n', type: 'integer' } },
      columns: { times: { aggregate: 'count' } },
    };
    writeFileSync(`${directory.path}/view.yaml`, JSON.stringify(declaration));
    expect((await run(['view', 'create', 'numbers', '-f', 'view.yaml'])).code).toBe(0);
    expect((await run(['view', 'list', '-o', 'name'])).out).toBe('numbers\n');
    const asked = await run(['view', 'query', 'numbers', '--where', 'n=lt.3', '--order', 'n', '-o', 'json']);
    expect([asked.code, Array.isArray(dataOf<object[]>(asked))]).toEqual([0, true]);
    expect((await run(['view', 'pause', 'numbers'])).code).toBe(0);
    expect((await run(['view', 'delete', 'numbers', '--yes'])).code).toBe(0);
    expect((await run(['view', 'describe', 'none'])).code).toBe(5);
    expect((await run(['group', 'list', '-o', 'json'])).code).toBe(0);
    expect((await run(['group', 'describe', 'none'])).code).toBe(5);
    expect((await run(['admin', 'status', '-o', 'json'])).code).toBe(0);
    // This service has no folder for backups.
    expect((await run(['admin', 'backups', '-o', 'json'])).code).toBe(4);
    expect((await run(['admin', 'export'])).code).toBe(0);
  });

  it('move groups: shown first, done with --apply, in offsets and times', async () => {
    await topic('g', 2, 40);
    const positions = { positions: [0, 1].map((partition) => ({ topic: 'g', partition, offset: '3' })) };
    const headers = { 'content-type': 'application/json' };
    expect(
      (
        await fetch(`${server().url}/v1/groups/readers/positions`, {
          method: 'PUT',
          headers,
          body: JSON.stringify(positions),
        })
      ).ok,
    ).toBe(true);
    const offsets = async (): Promise<string[]> =>
      dataOf<{ positions: { offset: string }[] }>(
        await run(['group', 'describe', 'readers', '-o', 'json']),
      ).positions.map(({ offset }) => offset);
    const shown = await run(['group', 'seek', 'readers', '--to', 'start', '-o', 'json']);
    expect([shown.code, dataOf<{ dryRun: boolean }>(shown).dryRun, await offsets()]).toEqual([0, true, ['3', '3']]);
    expect((await run(['group', 'seek', 'readers', '--to', 'start', '--apply'])).code).toBe(2);
    expect((await run(['group', 'seek', 'readers', '--to', '@-1h', '--topic', 'g', '--apply', '--yes'])).code).toBe(0);
    expect(await offsets()).toEqual(['0', '0']);
    expect((await run(['group', 'seek', 'readers', '--to', '-2', '--apply', '--yes'])).code).toBe(0);
    const ends = dataOf<{ positions: { endOffset: string }[] }>(
      await run(['group', 'describe', 'readers', '-o', 'json']),
    ).positions.map(({ endOffset }) => Number(endOffset));
    expect(await offsets()).toEqual(ends.map((end) => String(end - 2)));
    const readers = dataOf<{ groups: { group: string; lag: number }[] }>(
      await run(['topic', 'describe', 'g', '--groups', '-o', 'json']),
    );
    expect(readers.groups).toMatchObject([{ group: 'readers', lag: 4 }]);
    const parts = ['--partitions', '--groups', '--storage'];
    expect(dataOf<object>(await run(['topic', 'describe', 'g', ...parts, '-o', 'json']))).toMatchObject({
      groups: [{ group: 'readers', lag: 4 }],
      storage: { 'cleanup.policy': 'delete' },
      partitions: [{ partition: 0 }, { partition: 1 }],
    });
    const told = await run(['topic', 'describe', 'g', ...parts]);
    expect([told.code, told.out]).toEqual([
      0,
      expect.stringMatching(/^partitions\n[^]*\bEND\b[^]*\n\ngroups\n[^]*readers[^]*\n\nstorage\n[^]*cleanup\.policy/),
    ]);
    expect((await run(['group', 'delete', 'readers', '--yes'])).code).toBe(0);
  });

  it('try a candidate on what is recorded: 0 when it reads everything, 1 when not', async () => {
    const schema = (type: string): string =>
      JSON.stringify({ type: 'record', name: 'V', fields: [{ name: 'n', type }] });
    writeFileSync(`${directory.path}/v.avsc`, schema('int'));
    writeFileSync(`${directory.path}/good.avsc`, schema('long'));
    writeFileSync(`${directory.path}/bad.avsc`, schema('string'));
    expect((await run(['schema', 'register', 'v-value', 'v.avsc'])).code).toBe(0);
    await topic('v', 1, 20);
    expect((await run(['schema', 'replay', 'good.avsc', '--topic', 'v', '-o', 'json'])).code).toBe(0);
    const bad = await run(['schema', 'replay', 'bad.avsc', '--topic', 'v', '-o', 'json']);
    expect([bad.code, dataOf<{ failed: number }>(bad).failed]).toEqual([1, 20]);
  });
});
