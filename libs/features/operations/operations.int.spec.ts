import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, Clock } from '#libs/core/kernel';
import { Clusters } from '#libs/core/log';
import { OperationEngine, type OperationRun, type PlanDraft } from '#libs/core/operations';
import {
  MemoryLeaseStore,
  MemoryOperationStore,
  planDraft,
  TestHandler,
  untilAborted,
} from '#libs/core/operations/testing';
import { Authenticator, Authorizer, RoleAuthorizer, type Credentials, type Principal } from '#libs/platform/auth';
import { createHttpApp, type HttpApp } from '#libs/platform/http';
import { OperationsModule } from './index.js';

class RealClock extends Clock {
  now = () => Date.now();
  monotonic = () => performance.now();
  sleep = (ms: number, signal?: AbortSignal) => delay(ms, undefined, { signal });
}

@Module({})
class Provided {}

/** A principal per bearer token; the token says who. */
class NamedPrincipals extends Authenticator {
  override readonly challenge = undefined;

  override authenticate({ authorization }: Credentials): Principal {
    switch (authorization) {
      case 'Bearer viewer':
        return { id: 'vera', roles: ['viewer'] };
      case 'Bearer other':
        return {
          id: 'otto',
          roles: ['operator'],
          scope: new Map([
            ['topic', ['billing*']],
            ['operation', ['*']],
          ]),
        };
      default:
        return { id: 'olga', roles: ['operator'] };
    }
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, never> & {
    id: string;
    state: string;
    code: string;
    detail: string;
    hint: string;
    items: { id: string; type: string; sequence: number }[];
    next: string | null;
    details: Record<string, unknown>;
    commands: string[];
    throttle: { limits: object };
  };
}

describe('operations over REST', () => {
  let app: HttpApp;
  let base: string;
  let engine: OperationEngine;
  let handler: TestHandler;
  let draft: PlanDraft;

  beforeEach(async () => {
    const clock = new RealClock();
    handler = new TestHandler({
      COPYING: (run) => untilAborted(run.signal),
      VERIFYING: () => Promise.resolve({ next: 'CUTTING_OVER' }),
      ROLLING_BACK: () => Promise.resolve({ next: 'ROLLED_BACK' }),
    });
    draft = handler.draft;
    engine = new OperationEngine({
      store: new MemoryOperationStore(),
      leases: new MemoryLeaseStore(clock),
      clock,
      owner: 'here',
      random: randomBytes,
      handlers: [handler],
      scanMs: 20,
      maxConcurrent: 100,
    });
    engine.open();
    const authorizer = new RoleAuthorizer();

    app = await createHttpApp({
      modules: [
        {
          module: Provided,
          global: true,
          providers: [
            { provide: OperationEngine, useValue: engine },
            { provide: Authorizer, useValue: authorizer },
            { provide: Clusters, useValue: { defaultName: 'local' } },
          ],
          exports: [OperationEngine, Authorizer, Clusters],
        },
        OperationsModule,
      ],
      authenticator: new NamedPrincipals(),
      authorizer,
    });
    base = await app.listen('127.0.0.1', 0);
  });
  afterEach(async () => {
    await app.close();
    await engine.close();
  });

  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const response = await fetch(`${base}/v1/operations${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
  };
  const get = (path: string, headers?: Record<string, string>) => call('GET', path, undefined, headers);
  const post = (path: string, body?: unknown, headers?: Record<string, string>) => call('POST', path, body, headers);

  const planned = async (changes: Partial<PlanDraft> = {}): Promise<string> => {
    handler.draft = planDraft({ ...draft, ...changes });
    return (await engine.plan('test', {}, 'olga')).hash;
  };
  const started = async (subject = 'topic:local/orders'): Promise<string> => {
    const answer = await post('', { planHash: await planned({ subject }) });
    expect(answer.status).toBe(202);
    return answer.body.id;
  };
  const until = async (id: string, state: string): Promise<Answer> => {
    for (let i = 0; i < 500; i++) {
      const answer = await get(`/${id}`);
      if (answer.body.state === state) return answer;
      await delay(10);
    }
    throw new Error(`operation ${id} never became ${state}`);
  };

  /** Reads the event stream until it ends or `enough` says so. */
  const stream = async (id: string, headers: Record<string, string> = {}, enough = (_text: string) => false) => {
    const leave = new AbortController();
    const response = await fetch(`${base}/v1/operations/${id}/events`, { headers, signal: leave.signal });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    for await (const chunk of response.body!.pipeThrough(
      new TextDecoderStream() as never,
    ) as unknown as AsyncIterable<string>) {
      text += chunk;
      if (enough(text)) break;
    }
    leave.abort();
    return [...text.matchAll(/^id: (\d+)\nevent: (.+)\ndata: (.+)$/gm)].map(([, sequence, type, data]) => ({
      sequence: Number(sequence),
      type,
      data: JSON.parse(data!) as { sequence: number; data: Record<string, unknown> },
    }));
  };

  it('tells why it was started and commanded, to everybody who may see it, and lists who started what', async () => {
    const why = { 'x-weir-reason': 'f%C3%BCr%20CHG-7' };
    const { body } = await post('', { planHash: await planned() }, why);
    expect(body).toMatchObject({ startReason: 'für CHG-7' });
    await until(body.id, 'COPYING');
    await post(`/${body.id}:pause`, undefined, { 'x-weir-reason': 'night' });
    await post(`/${body.id}:resume`);
    const events = (await get(`/${body.id}/history`)).body.items as unknown as { type: string; data: object }[];
    const dataOf = (type: string): object => events.find((one) => one.type === type)!.data;
    expect([dataOf('created'), dataOf('paused'), dataOf('resumed')]).toMatchObject([
      { by: 'olga', reason: 'für CHG-7' },
      { by: 'olga', reason: 'night' },
      { by: 'olga' },
    ]);
    expect(dataOf('resumed')).not.toHaveProperty('reason');
    expect(await post(`/${body.id}:pause`, undefined, { 'x-weir-reason': 'a%0Ab' })).toMatchObject({
      status: 400,
      body: { code: 'invalid-reason' },
    });
    const ids = async (headers?: Record<string, string>): Promise<string[]> =>
      (await get('?mine=true', headers)).body.items.map(({ id }) => id);
    expect([await ids(), await ids({ authorization: 'Bearer viewer' })]).toEqual([[body.id], []]);
  });

  it('a plan can be looked at, started with its hash, watched, and found in lists', async () => {
    const hash = await planned();
    const plan = await get(`/plans/${hash}`);
    expect(plan.status).toBe(200);
    expect(plan.body).toMatchObject({ hash, kind: 'test', blockers: [], fingerprint: { partitions: 6 } });

    const answer = await post('', { planHash: hash, throttle: { recordsPerSecond: 500 } });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/v1/operations/${answer.body.id}`);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.body).toMatchObject({ state: 'PLANNED', createdBy: 'olga', planHash: hash });
    expect(answer.body.throttle.limits).toEqual({
      recordsPerSecond: 500,
      bytesPerSecond: null,
      maxGroupLagMs: null,
      maxProduceMs: null,
    });

    const copying = await until(answer.body.id, 'COPYING');
    expect(copying.body).toMatchObject({ progress: null, worker: 'here', nextAction: null });
    expect(copying.body.commands).toEqual(['pause', 'throttle', 'cutover', 'cancel']);
    for (const query of [
      '',
      '?kind=test',
      '?topic=orders',
      '?topic=local/orders',
      '?subject=topic:local/orders',
      '?state=COPYING',
      '?live=true',
    ]) {
      expect(
        (await get(query)).body.items.map((one) => one.id),
        query,
      ).toEqual([answer.body.id]);
    }
    for (const query of ['?kind=other', '?topic=other', '?topic=far/orders', '?state=READY', '?live=false']) {
      expect((await get(query)).body.items, query).toEqual([]);
    }
  });

  it('every command has a route of its own and takes effect', async () => {
    const id = await started();
    await until(id, 'COPYING');
    const paused = await post(`/${id}:pause`);
    expect([paused.status, paused.body.state]).toEqual([200, 'PAUSED']);
    const throttled = await post(`/${id}:throttle`, { bytesPerSecond: 1_000 });
    expect(throttled.body.throttle.limits).toEqual({
      recordsPerSecond: null,
      bytesPerSecond: 1_000,
      maxGroupLagMs: null,
      maxProduceMs: null,
    });
    expect((await post(`/${id}:throttle`, { bytesPerSecond: null })).body.throttle.limits).toMatchObject({
      bytesPerSecond: null,
    });
    expect((await post(`/${id}:resume`)).status).toBe(202);
    await until(id, 'COPYING');
    expect((await post(`/${id}:cancel-cutover`)).status).toBe(202);
    const cancelled = await post(`/${id}:cancel`, undefined, { prefer: 'wait=10' });
    expect([cancelled.status, cancelled.body.state]).toEqual([200, 'CANCELLED']);
    expect(cancelled.headers.get('preference-applied')).toBe('wait=10');

    delete (handler.phases as Record<string, unknown>)['COPYING'];
    const other = await started('topic:local/other');
    await until(other, 'READY');
    expect((await post(`/${other}:verify`, undefined, { prefer: 'wait=10' })).body.state).toBe('READY');
    expect((await post(`/${other}:cutover`, undefined, { prefer: 'respond-async, wait=10' })).body.state).toBe(
      'SWITCHED',
    );
    expect((await post(`/${other}:rollback`, undefined, { prefer: 'wait=10' })).body.state).toBe('ROLLED_BACK');
    const third = await started('topic:local/third');
    await until(third, 'READY');
    await post(`/${third}:cutover`);
    await until(third, 'SWITCHED');
    expect((await post(`/${third}:finish`, undefined, { prefer: 'wait=10' })).body.state).toBe('FINISHED');
  });

  it('refusals name what moved, who is in the way, or what to do', async () => {
    const stale = await planned();
    handler.moved = { partitions: 7, end: '1000' };
    const moved = await post('', { planHash: stale });
    expect([moved.status, moved.body.code]).toEqual([409, 'plan-stale']);
    expect(moved.body.detail).toContain('partitions was 6, is 7');
    expect(moved.body.details['differences']).toEqual([{ path: '/partitions', planned: 6, now: 7 }]);
    handler.moved = undefined;

    const blocked = await post('', {
      planHash: await planned({ blockers: ['largest record over the limit'], parameters: { b: 1 } }),
    });
    expect([blocked.status, blocked.body.code]).toEqual([409, 'plan-blocked']);
    expect(blocked.body.detail).toContain('largest record');

    const id = await started();
    await until(id, 'COPYING');
    const busy = await post('', { planHash: await planned({ parameters: { c: 1 } }) });
    expect([busy.status, busy.body.code]).toEqual([409, 'subject-busy']);
    expect(busy.body.detail).toContain(id);

    const wrong = await post(`/${id}:rollback`);
    expect([wrong.status, wrong.body.code]).toEqual([409, 'wrong-state']);
    expect(wrong.body.detail).toContain('COPYING');
    expect(wrong.body.hint).toContain("'cancel'");
  });

  it('bad input is refused by name, and nothing is started', async () => {
    const cases: [Promise<Answer>, number, string][] = [
      [post('', {}), 400, 'invalid-request'],
      [post('', { planHash: 'nonsense' }), 400, 'invalid-request'],
      [post('', { planHash: 'a'.repeat(64), colour: 'red' }), 400, 'invalid-request'],
      [post('', { planHash: 'a'.repeat(64) }), 404, 'plan-not-found'],
      [post('', { planHash: 'a'.repeat(64) }, { 'idempotency-key': 'x y' }), 400, 'invalid-idempotency-key'],
      [get('/plans/nonsense'), 404, 'plan-not-found'],
      [get('/__proto__'), 404, 'operation-not-found'],
      [get('/op_00000000000000000000000000'), 404, 'operation-not-found'],
      [get('/op_00000000000000000000000000/events'), 404, 'operation-not-found'],
      [get('?state=RUNNING'), 400, 'invalid-request'],
      [get('?limit=0'), 400, 'invalid-request'],
      [get('?cursor=%00'), 400, 'invalid-cursor'],
      [get('?cursor=xx'), 400, 'invalid-cursor'],
      [post('/op_00000000000000000000000000:pause'), 404, 'operation-not-found'],
      [post('/x:y:pause'), 404, 'command-unknown'],
      [post('/op_00000000000000000000000000:resum'), 404, 'command-unknown'],
    ];
    for (const [answer, status, code] of cases) {
      const { status: got, body } = await answer;
      expect([got, body.code], body.detail).toEqual([status, code]);
    }
    expect((await post('/op_1:resum')).body.hint).toBe("Did you mean 'resume'?");
    const id = await started();
    await until(id, 'COPYING');
    for (const body of [{ recordsPerSecond: 0 }, { recordsPerSecond: '5' }, { speed: 1 }]) {
      expect((await post(`/${id}:throttle`, body)).body.code).toBe('invalid-request');
    }
    expect((await get(`/${id}/events`, { 'last-event-id': 'x' })).body.code).toBe('invalid-sequence');
    expect((await get('')).body.items).toHaveLength(1);
  });

  it('one idempotency key starts one operation, and refuses another body', async () => {
    const planHash = await planned();
    const headers = { 'idempotency-key': 'b8a3-1' };
    const answers = await Promise.all([1, 2, 3].map(() => post('', { planHash }, headers)));
    expect(new Set(answers.map((one) => one.body.id)).size).toBe(1);
    const other = await post('', { planHash, throttle: { recordsPerSecond: 1 } }, headers);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused']);
  });

  it('events stream in order, resume after the last one seen, and end with the operation', async () => {
    const id = await started();
    await until(id, 'COPYING');
    const first = await stream(id, {}, (text) => text.includes('"to":"COPYING"'));
    expect(first.map((one) => one.sequence)).toEqual([1, 2, 3]);
    expect(first[2]).toMatchObject({ type: 'phase', data: { data: { from: 'PREPARING', to: 'COPYING' } } });
    const rest = stream(id, { 'last-event-id': '2' });
    await post(`/${id}:pause`);
    await post(`/${id}:cancel`);
    const seen = await rest;
    expect(seen.map((one) => one.sequence)).toEqual([3, 4, 5, 6]);
    expect(seen.map((one) => one.type)).toEqual(['phase', 'paused', 'cancel-requested', 'phase']);
    // Over: everything that was missed, then the end.
    expect((await stream(id, { 'last-event-id': '5' })).map((one) => one.sequence)).toEqual([6]);

    const history = await get(`/${id}/history?limit=4`);
    expect(history.body.items.map((one) => one.sequence)).toEqual([1, 2, 3, 4]);
    const more = await get(`/${id}/history?cursor=${history.body.next}`);
    expect(more.body.items.map((one) => one.sequence)).toEqual([5, 6]);
    expect(more.body.next).toBeNull();
  });

  it('lists are paged newest first and filled although some are hidden', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.unshift(await started(`topic:local/${i % 2 === 0 ? 'orders' : 'billing'}-${i}`));
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const page: Answer = await get(`?limit=3${next === '' ? '' : `&cursor=${next}`}`);
      seen.push(...page.body.items.map((one) => one.id));
      next = page.body.next;
    }
    expect(seen).toEqual(ids);
    const hidden = await get('?limit=3', { authorization: 'Bearer other' });
    expect(hidden.body.items.map((one) => one.id)).toEqual([ids[1], ids[3], ids[5]]);
  });

  it('who may not see what an operation changes is not told of it; who may only look cannot command', async () => {
    const id = await started();
    await until(id, 'COPYING');
    const other = { authorization: 'Bearer other' };
    const viewer = { authorization: 'Bearer viewer' };
    for (const answer of [
      await get(`/${id}`, other),
      await get(`/${id}/events`, other),
      await get(`/${id}/history`, other),
      await post(`/${id}:cancel`, undefined, other),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([404, 'operation-not-found']);
    }
    expect((await get(`/${id}`, viewer)).status).toBe(200);
    expect((await post(`/${id}:pause`, undefined, viewer)).status).toBe(403);
    expect((await post('', { planHash: await planned() }, viewer)).status).toBe(403);
    expect((await post('', { planHash: await planned() }, other)).status).toBe(404);
    expect((await get(`/${id}`)).body.state).toBe('COPYING');
  });

  it('a plan that fails to be made says so, and a failing operation shows code and hint', async () => {
    (handler.phases as Record<string, unknown>)['COPYING'] = () =>
      Promise.reject(
        new AppError({ kind: 'conflict', code: 'target-full', message: 'The disk is full.', hint: 'Free some.' }),
      );
    const answer = await post('', { planHash: await planned() }, { prefer: 'wait=10' });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      state: 'FAILED',
      reason: 'The disk is full.',
      nextAction: 'remove the cause and resume',
      lastError: { code: 'target-full', hint: 'Free some.' },
    });
  });

  it('mismatches, groups and stragglers have lists of their own: empty before, what was noted then, stragglers in pages', async () => {
    const [wrong, group] = [
      { kind: 'missing', source: { partition: 0, offset: '7' }, target: null, detail: 'gone' },
      { group: 'readers', state: 'carried', translation: 'exact', duplicatesExpected: 0 },
    ];
    let found = (): void => undefined;
    const nothing = new Promise<void>((resolve) => (found = resolve));
    (handler.phases as Record<string, unknown>)['COPYING'] = async (run: OperationRun) => {
      await nothing;
      await run.note({ verification: { state: 'failed', mismatchCount: 1234, mismatches: [wrong] }, groups: [group] });
      for (const records of [1, 2, 3]) {
        await run.event('straggler-found', { records });
        await run.event('something-else', {});
      }
      return await untilAborted(run.signal);
    };
    const id = await started();
    await until(id, 'COPYING');
    const list = (name: string) => get(`/${id}/${name}`);
    expect((await list('mismatches')).body).toEqual({ state: null, count: 0, items: [] });
    expect((await list('groups')).body).toEqual({ items: [] });
    expect((await list('stragglers')).body).toEqual({ items: [], next: null });
    found();
    const told = async (): Promise<number> =>
      (await get(`/${id}/history?limit=100`)).body.items.filter(({ type }) => type === 'something-else').length;
    while ((await told()) < 3) await delay(1);
    expect((await list('mismatches')).body).toEqual({ state: 'failed', count: 1234, items: [wrong] });
    expect((await list('groups')).body).toEqual({ items: [group] });
    const page = (await list('stragglers?limit=2')).body;
    const next = (await list(`stragglers?limit=2&cursor=${page.next}`)).body;
    expect([...page.items, ...next.items]).toMatchObject(
      [1, 2, 3].map((records) => ({ type: 'straggler-found', data: { records } })),
    );
    expect(next.next).toBeNull();
    const other = { authorization: 'Bearer other' };
    for (const name of ['mismatches', 'groups', 'stragglers'])
      expect((await get(`/${id}/${name}`, other)).body).toMatchObject({ status: 404, code: 'operation-not-found' });
  });

  it('asks the kind for a redrive, and refuses one where nothing is set aside, in the wrong state and to whom may not', async () => {
    const id = await started();
    await until(id, 'COPYING');
    expect((await post(`/${id}/poison:redrive`, {})).body).toMatchObject({ status: 409, code: 'not-offered' });
    expect((await get(`/${id}/poison`)).body).toMatchObject({ status: 409, code: 'nothing-is-parked-by-plan' });
    const asked: unknown[] = [];
    Object.assign(handler, {
      redrive: async (_: unknown, notes: object, request: object) => {
        asked.push(notes, request);
        return { redrive: { pass: 1 } };
      },
    });
    const viewer = { authorization: 'Bearer viewer' };
    expect((await post(`/${id}/poison:redrive`, {}, viewer)).status).toBe(403);
    const other = { authorization: 'Bearer other' };
    expect((await post(`/${id}/poison:redrive`, {}, other)).status).toBe(404);
    expect((await post(`/${id}/poison:redrive`, { ids: ['first'] })).status).toBe(400);
    expect(asked).toEqual([]);
    const answer = await post(`/${id}/poison:redrive`, { class: 'undecodable' });
    expect(answer).toMatchObject({ status: 202, body: { state: 'COPYING' } });
    expect(asked).toEqual([{}, { class: 'undecodable' }]);
    expect((await post(`/${id}/poison:redrive`, {})).body).toMatchObject({ status: 409, code: 'redrive-under-way' });
    await post(`/${id}:pause`);
    const paused = await post(`/${id}/poison:redrive`, {});
    expect(paused.body).toMatchObject({ status: 409, code: 'wrong-state', hint: 'Resume it first.' });
    const { items } = (await get(`/${id}/history`)).body;
    expect(items.map((one) => one.type)).toContain('redrive-requested');
  });
});
