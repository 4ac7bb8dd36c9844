import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { writeTokens } from '../../apps/server/testing/running-service.js';
import { avroRecord, ScratchProject } from '../../apps/cli/testing/index.js';
import { dataOf, weir, type WeirRan } from './weir-process.js';

interface Submitted {
  request: string;
  pending: number;
}

describe('change requests', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  let tokens: Record<string, string>;
  const projects: ScratchProject[] = [];
  beforeAll(async () => {
    directory = await temporaryDirectory();
    tokens = await writeTokens(directory.path, [
      { id: 'ann', roles: ['registrar', 'operator'] },
      { id: 'bob', roles: ['governor'] },
      { id: 'eve', roles: ['governor', 'registrar'], scope: { subject: ['other*'], topic: ['other*'] } },
      { id: 'vic', roles: ['viewer'] },
      { id: 'pat', roles: ['operator'] },
    ]);
    server = await ServerProcess.start({
      cwd: directory.path,
      env: {
        WEIR_AUTH_MODE: 'token',
        WEIR_AUTH_TOKENS_FILE: 'tokens.yaml',
        WEIR_OPERATIONS_APPROVAL: 'destructive',
      },
    });
  });
  afterAll(async () => {
    await server.kill();
    await directory.remove();
  });
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });

  let run = 0;
  const scratch = () => {
    const subject = `s${++run}`;
    const project = new ScratchProject({
      'weir.yaml': `apiVersion: v1\nschemas: [{ subject: ${subject}, file: a.avsc }]\ntopics: [{ name: ${subject} }]\n`,
      'a.avsc': avroRecord('A', '{"name": "a", "type": "int"}'),
    });
    projects.push(project);
    const as = (who: string, ...args: string[]): Promise<WeirRan> =>
      weir([...args, '-o', 'json'], { cwd: project.path, env: { WEIR_URL: server.url, WEIR_TOKEN: tokens[who]! } });
    return { project, subject, as };
  };
  const errorOf = ({ out }: WeirRan): string | undefined =>
    (JSON.parse(out) as { error: { code: string } | null }).error?.code;

  it('are applied when somebody else has approved them, and not before', async () => {
    const { subject, as } = scratch();
    const { request, pending } = dataOf<Submitted>(await as('ann', 'plan', '--submit', '--title', 'first'));
    expect([pending, request]).toEqual([2, expect.stringMatching(/^cr_[0-9a-z]+$/)]);
    const early = await as('ann', 'apply', '--plan', request);
    expect([early.code, errorOf(early)]).toEqual([4, 'request-not-approved']);
    const own = await as('ann', 'request', 'approve', request);
    // A registrar has no right to govern; with it, who submits still cannot approve.
    expect([own.code, errorOf(own)]).toEqual([6, 'forbidden']);
    expect((await as('vic', 'request', 'approve', request)).code).toBe(6);
    expect((await as('bob', 'request', 'approve', request, '--note', 'read it')).code).toBe(0);
    expect(dataOf<object>(await as('vic', 'request', 'show', request))).toMatchObject({
      title: 'first',
      state: 'approved',
      submitted: { by: 'ann' },
      decided: { by: 'bob', note: 'read it' },
      plan: { changes: [{ kind: 'register', subject }], topics: [{ name: subject }] },
    });
    // Looked at once more, and nothing is done.
    expect((await as('ann', 'apply', '--plan', request, '--dry-run')).code).toBe(0);
    expect((await as('ann', 'schema', 'versions', subject)).code).toBe(5);
    const applied = await as('ann', 'apply', '--plan', request);
    expect([applied.code, dataOf<{ changes: object[]; topics: object[] }>(applied)]).toMatchObject([
      0,
      { changes: [{ subject, outcome: 'new', version: 1 }], topics: [{ topic: subject, outcome: 'new' }] },
    ]);
    expect(dataOf<object>(await as('bob', 'request', 'show', request))).toMatchObject({
      state: 'applied',
      applied: { by: 'ann' },
    });
    expect((await as('ann', 'apply', '--plan', request)).code).toBe(0);
    const late = await as('bob', 'request', 'reject', request);
    expect([late.code, errorOf(late)]).toEqual([4, 'wrong-state']);
  });

  it('are refused when something has moved since, whoever has approved them', async () => {
    const { project, subject, as } = scratch();
    expect((await as('ann', 'apply', '--yes')).code).toBe(0);
    const next = (name: string): string =>
      avroRecord('A', '{"name": "a", "type": "int"}', `{"name": "${name}", "type": "int", "default": 0}`);
    project.write({ 'a.avsc': next('b') });
    const { request } = dataOf<Submitted>(await as('ann', 'plan', '--submit'));
    expect((await as('bob', 'request', 'approve', request)).code).toBe(0);
    project.write({ 'a.avsc': next('c') });
    expect((await as('ann', 'schema', 'register', subject, 'a.avsc')).code).toBe(0);
    for (const more of [['--dry-run'], []]) {
      const stale = await as('ann', 'apply', '--plan', request, ...more);
      expect([stale.code, errorOf(stale)]).toEqual([4, 'plan-stale']);
    }
    expect(dataOf<object>(await as('ann', 'request', 'show', request))).toMatchObject({ state: 'approved' });
  });

  it('are rejected with a reason, withdrawn by their author alone, and seen by who may read all they name', async () => {
    const { project, as } = scratch();
    const { request } = dataOf<Submitted>(await as('ann', 'plan', '--submit'));
    expect(await as('eve', 'request', 'show', request)).toMatchObject({ code: 5 });
    expect(dataOf<{ id: string }[]>(await as('eve', 'request', 'list')).map(({ id }) => id)).not.toContain(request);
    expect(errorOf(await as('bob', 'request', 'withdraw', request))).toBe('withdrawal-by-another');
    expect((await as('bob', 'request', 'reject', request, '--note', 'too wide')).code).toBe(0);
    const refused = await as('ann', 'apply', '--plan', request);
    expect([refused.code, refused.out]).toEqual([4, expect.stringContaining('rejected by bob: too wide')]);
    const second = dataOf<Submitted>(await as('ann', 'plan', '--submit')).request;
    expect((await as('ann', 'request', 'withdraw', second)).code).toBe(0);
    const listed = dataOf<{ id: string; state: string }[]>(await as('ann', 'request', 'list'));
    expect(listed.slice(0, 2).map(({ id, state }) => [id, state])).toEqual([
      [second, 'withdrawn'],
      [request, 'rejected'],
    ]);
    const none = await as('ann', 'apply', '--plan', 'cr_nothing');
    expect([none.code, errorOf(none)]).toEqual([5, 'change-request-not-found']);
    const viewer = await as('vic', 'plan', '--submit');
    expect(viewer.code).toBe(6);
    project.write({ 'a.avsc': '{' });
    const blocked = await as('ann', 'plan', '--submit');
    expect([blocked.code, dataOf<Submitted>(blocked).request]).toEqual([1, null]);
  });

  it('are tried with --dry-run by the rules that decide, and stay as they are', async () => {
    const { subject, as } = scratch();
    const { request } = dataOf<Submitted>(await as('ann', 'plan', '--submit'));
    const tried = async (who: string, verb: string) => {
      const ran = await as(who, 'request', verb, request, '--note', 'tried', '--dry-run');
      return [ran.code, ran.code === 0 ? dataOf<{ state: string }>(ran).state : errorOf(ran)];
    };
    expect(await tried('bob', 'approve')).toEqual([0, 'approved']);
    expect(await tried('ann', 'approve')).toEqual([6, 'forbidden']);
    expect(await tried('eve', 'reject')).toEqual([5, 'change-request-not-found']);
    expect(await tried('bob', 'withdraw')).toEqual([4, 'withdrawal-by-another']);
    expect(await tried('ann', 'withdraw')).toEqual([0, 'withdrawn']);
    expect(dataOf<object>(await as('ann', 'request', 'show', request))).toMatchObject({
      state: 'pending',
      decided: null,
    });
    expect((await as('bob', 'request', 'reject', request)).code).toBe(0);
    expect(await tried('bob', 'approve')).toEqual([4, 'wrong-state']);
    // So are modes: who may not set one is told so, and what stands against one.
    const mode = async (who: string, ...args: string[]) => {
      const ran = await as(who, 'mode', 'set', ...args, '--dry-run');
      return [ran.code, errorOf(ran)];
    };
    expect(await mode('ann', 'IMPORT', subject)).toEqual([6, 'forbidden']);
    expect(await mode('bob', 'IMPORT', subject)).toEqual([0, undefined]);
    expect(await mode('bob', 'FORWARD', subject)).toEqual([2, 'mode-unknown']);
    expect((await as('ann', 'schema', 'register', subject, 'a.avsc')).code).toBe(0);
    expect(await mode('bob', 'IMPORT', subject)).toEqual([4, 'operation-not-permitted']);
    expect((await as('bob', 'schema', 'delete', subject, '--yes')).code).toBe(0);
    const loss = await as('bob', 'mode', 'set', 'IMPORT', subject, '--dry-run');
    expect([loss.code, loss.out]).toEqual([0, expect.stringContaining('1 softly deleted version')]);
    // What goes for good needs a yes.
    expect((await as('bob', 'mode', 'set', 'IMPORT', subject)).code).toBe(2);
    expect((await as('bob', 'mode', 'set', 'IMPORT', subject, '--yes')).code).toBe(0);
  });

  it('are what operations are to an operator: one that takes something away waits until another one approves', async () => {
    const { subject: topic, as } = scratch();
    expect((await as('ann', 'topic', 'create', topic, '--partitions', '1')).code).toBe(0);
    const started = await as('ann', 'topic', 'repartition', topic, '--partitions', '2', '--yes');
    const { id, state, nextAction } = dataOf<{ id: string; state: string; nextAction: string }>(started);
    expect([started.code, state, nextAction]).toEqual([0, 'PLANNED', 'approve']);
    const own = await as('ann', 'op', 'approve', id);
    expect([own.code, errorOf(own)]).toEqual([4, 'approval-by-author']);
    expect((await as('vic', 'op', 'approve', id)).code).toBe(6);
    expect(dataOf<object>(await as('vic', 'op', 'get', id))).toMatchObject({ state: 'PLANNED' });
    const approved = await as('pat', 'op', 'approve', id, '--wait', '--timeout', '60s');
    expect([approved.code, dataOf<object>(approved)]).toMatchObject([
      0,
      { state: 'SWITCHED', approval: { required: true, by: 'pat' } },
    ]);
    // Nothing is taken away by what only makes something.
    const derived = await as('ann', 'derive', 'latest', topic, '--into', `${topic}-latest`, '--yes', '--wait');
    expect([derived.code, dataOf<object>(derived)]).toMatchObject([
      0,
      { state: 'FINISHED', approval: { required: false } },
    ]);
  });
});
