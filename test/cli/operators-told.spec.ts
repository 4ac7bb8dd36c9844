import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serverForSuite, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { runWeir, type Ran } from '../../apps/cli/testing/index.js';

describe('operators are told', () => {
  const server = serverForSuite();
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    directory = await temporaryDirectory();
  });
  afterAll(() => directory.remove());
  const run = (...args: string[]): Promise<Ran> =>
    runWeir(args, {
      cwd: directory.path,
      env: { WEIR_URL: server().url, XDG_CONFIG_HOME: `${directory.path}/config` },
    });
  const data = async <T>(...args: string[]): Promise<T> => {
    const ran = await run(...args, '-o', 'json');
    expect([ran.code, ran.err]).toEqual([0, expect.anything()]);
    return (JSON.parse(ran.out) as { data: T }).data;
  };
  const produced = async (topic: string, count: number): Promise<void> => {
    const records = Array.from({ length: count }, (_, n) => `{"key": "k${n % 5}", "value": {"n": ${n}}}\n`).join('');
    writeFileSync(`${directory.path}/records.jsonl`, records);
    await data('topic', 'produce', topic, '-f', 'records.jsonl');
  };

  it('by a dry run what the service would refuse, and what would be', async () => {
    await data('topic', 'create', 'there', '--partitions', '2');
    expect(await run('topic', 'create', 'there', '--partitions', '2', '--dry-run')).toMatchObject({
      code: 4,
      err: expect.stringContaining('topic-exists'),
    });
    expect(await run('topic', 'create', 'new', '--set', 'retention.ms=much', '--dry-run')).toMatchObject({
      code: 2,
      err: expect.stringContaining('invalid-topic-config'),
    });
    expect((await run('topic', 'create', 'new', '--set', 'retention.ms=86400000', '--dry-run')).code).toBe(0);
    const settings = await data<{ name: string; value: string }[]>(
      ...['topic', 'config', 'there', '--set', 'retention.ms=86400000', '--dry-run'],
    );
    expect(settings.find(({ name }) => name === 'retention.ms')?.value).toBe('86400000');
    expect((await data<{ frozen: boolean }>('topic', 'freeze', 'there', '--dry-run')).frozen).toBe(true);
    expect((await data<{ frozen: boolean }>('topic', 'describe', 'there')).frozen).toBe(false);
    await data('topic', 'protect', 'there');
    expect(await run('topic', 'delete', 'there', '--dry-run')).toMatchObject({
      code: 4,
      err: expect.stringContaining('weir topic unprotect there'),
    });
    await data('topic', 'unprotect', 'there');
    await data('topic', 'delete', 'there', '--yes');
    expect((await run('topic', 'restore', 'there', '--dry-run')).code).toBe(0);
    expect((await run('topic', 'restore', 'nothing', '--dry-run')).code).toBe(5);
    expect((await run('topic', 'describe', 'there')).code).toBe(5);
  });

  it('why a list is empty', async () => {
    expect((await run('topic', 'list', '--search', 'nowhere')).out).toContain("No topic has 'nowhere' in its name.");
    await data('topic', 'restore', 'there');
    expect((await run('topic', 'list', '--deleted')).out).toContain('No topic was deleted softly');
  });

  it('that a topic is neither split nor merged, before anything is done, and what to do instead', async () => {
    const split = await run('topic', 'migrate', 'there', '--to', 'a', '--to', 'b');
    expect([split.code, split.err]).toEqual([2, expect.stringContaining('split-unavailable')]);
    expect(split.err).toContain("weir topic consume there --filter value.FIELD=… | jq -c '{key, value, timestamp}'");
    const merge = await run('topic', 'migrate', 'there', 'here', '--to', 'a');
    expect([merge.code, merge.err]).toEqual([2, expect.stringContaining('merge-unavailable')]);
    expect((await data<{ name: string }[]>('topic', 'list')).map(({ name }) => name)).toEqual(['there']);
  });

  it('the plan of several topics that get another form in one step', async () => {
    for (const name of ['bills', 'credits']) {
      await data('topic', 'create', name, '--partitions', '1');
      await produced(name, 3);
    }
    writeFileSync(
      `${directory.path}/form.yaml`,
      JSON.stringify({ transform: { up: [{ rename: 'value.n', to: 'cents' }] } }),
    );
    const form = ['topic', 'migrate', 'bills', 'credits', '-f', 'form.yaml'];
    const plan = await data<{ subject: string; alsoOn: string[] }>(...form, '--dry-run');
    expect([plan.subject, plan.alsoOn]).toEqual(['topic:local/bills', ['topic:local/credits']]);
    expect((await run(...form, '--yes', '--wait')).code).toBe(0);
    const read = await data<{ value: unknown }[]>('topic', 'consume', 'credits', '-n', '1');
    expect(read[0]!.value).toEqual({ cents: 0 });
  });

  it('the limits of an operation, and that a throttle without a limit is none', async () => {
    await data('topic', 'create', 'slow', '--partitions', '1');
    const start = ['topic', 'repartition', 'slow', '--partitions', '2', '--rate', '1MB/s', '--no-cutover', '--yes'];
    const { id } = await data<{ id: string }>(...start);
    const shown = (await run('op', 'get', id)).out;
    expect(shown).toMatch(/limits +rate 1\.0 MB\/s|limits +rate \d/);
    expect(shown).toMatch(/plan +[0-9a-f]{12}\n/);
    expect(await run('op', 'throttle', id)).toMatchObject({ code: 2, err: expect.stringContaining('limit-missing') });
    await data('op', 'throttle', id, '--rate', 'off');
    expect((await run('op', 'get', id)).out).toMatch(/limits +none\n/);
    await data('op', 'cancel', id, '--yes');
  });

  it('what a group that was moved has skipped and repeats', async () => {
    await data('topic', 'create', 'read', '--partitions', '1');
    await produced('read', 10);
    const body = JSON.stringify({ positions: [{ topic: 'read', partition: 0, offset: '4' }] });
    const headers = { 'content-type': 'application/json' };
    await fetch(`${server().url}/v1/groups/readers/positions`, { method: 'PUT', headers, body });
    const moved = await data<{ partitions: { skipped: { records: string }; repeated: { records: string } }[] }>(
      ...['group', 'seek', 'readers', '--to', 'end', '--apply', '--yes'],
    );
    expect(moved.partitions).toMatchObject([{ target: '10', skipped: { records: '6' }, repeated: { records: '0' } }]);
  });

  it('what there is: by name, by field, and by what schemas say of themselves', async () => {
    const register = async (subject: string, field: string, metadata: object): Promise<void> => {
      const schema = JSON.stringify({ type: 'record', name: 'R', fields: [{ name: field, type: 'string' }] });
      const answer = await fetch(`${server().url}/subjects/${subject}/versions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ schema, metadata }),
      });
      expect(answer.status).toBe(200);
    };
    await data('topic', 'create', 'people', '--partitions', '1');
    await register('people-value', 'email', { properties: { owner: 'team-people' }, tags: { '**.email': ['pii'] } });
    await register('letters-value', 'email', { properties: { owner: 'team-post' } });
    const found = async (...args: string[]): Promise<string[]> =>
      (await data<{ kind: string; name: string; by: string }[]>('catalog', 'search', ...args)).map(
        ({ kind, name, by }) => `${kind} ${name} ${by}`,
      );
    expect(await found('people')).toEqual(['topic people name', 'subject people-value name']);
    expect((await found('email')).sort()).toEqual([
      'field letters-value field email',
      'field people-value field email',
    ]);
    expect(await found('team-post')).toEqual(['subject letters-value owner team-post']);
    expect(await found('--field', 'email', '--owner', 'team-people')).toEqual([
      'subject people-value field email, owner team-people',
    ]);
    expect(await found('--tag', 'pii')).toEqual(['subject people-value tag pii']);
    expect((await run('catalog', 'search', 'nowhere')).out).toContain('Nothing here is like that.');
  });

  it('what is planned also where it is about nothing that has a name', async () => {
    writeFileSync(`${directory.path}/registry.jsonl`, (await run('admin', 'export')).out);
    expect((await run('admin', 'import', '-f', 'registry.jsonl', '--dry-run')).out).toMatch(
      /^registry-import · plan [0-9a-f]{12}\n/,
    );
  });

  it('the state of the service in lines that can be read', async () => {
    const { out } = await run('admin', 'status');
    expect(out).toMatch(/check log-writable +ok\n/);
    expect(out).toMatch(/clusters +local \(embedded\)\n/);
    expect(out).not.toContain('{');
  });

  it('who keeps a group where it is: leases end by force, members have to be stopped', async () => {
    await data('topic', 'create', 'held');
    await produced('held', 3);
    const post = async (path: string, body: object, type = 'application/json') =>
      (await fetch(`${server().url}${path}`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: JSON.stringify(body),
      }).then((answer) => answer.json())) as Record<string, unknown>;
    await post('/v1/groups/workers/leases', { topics: ['held'], maxRecords: 2, visibilityMs: 60_000 });
    const seek = async (group: string, ...more: string[]) => {
      const ran = await run(
        ...['group', 'seek', group, '--topic', 'held', '--to', 'start', '--apply', '--yes', '-o', 'json', ...more],
      );
      return [ran.code, (JSON.parse(ran.out) as { error: { code: string } | null }).error?.code];
    };
    expect(await seek('workers')).toEqual([4, 'group-leased']);
    expect(await seek('workers', '--force')).toEqual([0, undefined]);
    const kafka = 'application/vnd.kafka.v2+json';
    const { base_uri: member } = await post('/consumers/members', { name: 'one', format: 'binary' }, kafka);
    await fetch(`${String(member)}/subscription`, {
      method: 'POST',
      headers: { 'content-type': kafka },
      body: '{"topics": ["held"]}',
    });
    await fetch(`${String(member)}/records`, { headers: { accept: 'application/vnd.kafka.binary.v2+json' } });
    expect(await seek('members')).toEqual([4, 'group-active']);
    expect(await seek('members', '--force')).toEqual([4, 'group-active']);
    expect((await fetch(String(member), { method: 'DELETE' })).status).toBe(204);
    expect(await seek('members')).toEqual([0, undefined]);
  });

  it('which file is in the wrong place, before a version without metadata or rules is registered', async () => {
    writeFileSync(`${directory.path}/a.avsc`, '{"type": "record", "name": "A", "fields": []}');
    writeFileSync(`${directory.path}/rules.yaml`, 'domainRules: []\n');
    writeFileSync(`${directory.path}/metadata.yaml`, 'propreties: { owner: us }\n');
    const register = (...more: string[]) => run('schema', 'register', 'misfiled-value', 'a.avsc', ...more);
    expect(await register('--metadata', 'rules.yaml')).toMatchObject({ code: 2 });
    const misspelt = await register('--metadata', 'metadata.yaml');
    expect([misspelt.code, misspelt.err]).toEqual([2, expect.stringMatching(/metadata\.yaml:1:1.*properties/s)]);
    expect((await run('schema', 'versions', 'misfiled-value')).code).toBe(5);
    expect((await register('--rules', 'rules.yaml')).code).toBe(0);
  });
});
