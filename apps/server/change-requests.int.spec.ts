import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient, overHttp } from '#libs/platform/testing';
import { runService, writeTokens, type RunningService } from './testing/running-service.js';

interface Request {
  id: string;
  state: string;
}
interface Applied {
  complete: boolean;
  topics: { topic: string; outcome: string }[];
}

describe('declared topics and change requests over REST', () => {
  let running: RunningService;
  let tokens: Record<string, string>;
  const calls = new HttpClient(overHttp(() => running.url));
  beforeAll(async () => {
    running = await runService({ WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml' }, async (cwd) => {
      tokens = await writeTokens(cwd, [
        { id: 'ann', roles: ['registrar', 'operator', 'governor'] },
        { id: 'bob', roles: ['governor'] },
        { id: 'vic', roles: ['viewer'] },
        { id: 'shop', roles: ['admin'], scope: { topic: ['shop.*'], subject: ['shop.*'] } },
      ]);
    });
  });
  afterAll(() => running.stop());
  const as = (who: string): string => tokens[who]!;
  const submit = (who: string, subject: string, topic: string) =>
    calls.post<Request>(
      '/v1/change-requests',
      {
        title: 't',
        planHash: 'h',
        restsOn: [],
        changes: [{ kind: 'register', subject, schema: '"int"' }],
        topics: [{ name: topic }],
        topicsRestOn: [],
      },
      as(who),
    );
  const command = (who: string, id: string, verb: string, body: object = {}) =>
    calls.post<Request>(`/v1/change-requests/${id}:${verb}`, body, as(who));

  it('topics are planned by who may read them, and made by who may alter those that change', async () => {
    const topics = [{ name: 'shop.a', partitions: 2 }, { name: 'bank.b' }];
    const planned = await calls.post<{ restsOn: object[] }>('/v1/topic-changes:plan', { topics }, as('vic'));
    expect(planned.status).toBe(200);
    const { restsOn } = planned.json;
    const apply = (who: string, query = '') =>
      calls.post<Applied>(`/v1/topic-changes:apply${query}`, { topics, restsOn }, as(who));
    expect([(await apply('vic')).status, (await apply('vic', '?dryRun=true')).status]).toEqual([403, 403]);
    expect((await apply('shop')).status).toBe(404);
    expect((await apply('ann', '?dryRun=true')).json.topics.map(({ outcome }) => outcome)).toEqual(['new', 'new']);
    expect((await calls.get('/v1/topics/shop.a', as('vic'))).status).toBe(404);
    expect((await apply('ann')).json).toMatchObject({
      complete: true,
      topics: [{ outcome: 'new' }, { outcome: 'new' }],
    });
    // Nothing changes, so it takes no right.
    expect((await apply('vic')).json.topics.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged']);
    const twice = await calls.post('/v1/topic-changes:plan', { topics: [{ name: 'x' }, { name: 'x' }] }, as('ann'));
    expect([twice.status, twice.problem.code]).toEqual([400, 'invalid-request']);
  });

  it('a request is submitted by who may write, and decided by who may govern but not by its author', async () => {
    expect((await submit('vic', 's', 't')).status).toBe(403);
    const made = await submit('ann', 's', 't');
    expect([made.status, made.json]).toMatchObject([201, { state: 'pending' }]);
    const { id } = made.json;
    expect((await command('vic', id, 'approve')).status).toBe(403);
    const own = await command('ann', id, 'approve');
    expect([own.status, own.problem.code]).toEqual([409, 'approval-by-author']);
    const early = await command('ann', id, 'close');
    expect([early.status, early.problem.code]).toEqual([409, 'wrong-state']);
    expect((await command('bob', id, 'approve', { note: 'fine' })).json).toMatchObject({
      state: 'approved',
      decided: { by: 'bob', note: 'fine' },
    });
    expect((await command('vic', id, 'close')).status).toBe(403);
    expect((await command('ann', id, 'close')).json.state).toBe('applied');
    expect((await command('bob', id, 'reject')).problem.code).toBe('wrong-state');
  });

  it('a request is seen by who may read all that it names, page by page', async () => {
    const mine = (await submit('ann', 'shop.s', 'shop.t')).json.id;
    const mixed = (await submit('ann', 'shop.s', 'bank.t')).json.id;
    expect((await calls.get(`/v1/change-requests/${mine}`, as('shop'))).status).toBe(200);
    for (const hidden of [
      await calls.get(`/v1/change-requests/${mixed}`, as('shop')),
      await command('shop', mixed, 'reject'),
    ])
      expect([hidden.status, hidden.problem.code]).toEqual([404, 'change-request-not-found']);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await calls.get<{ items: Request[]; next: string | null }>(
        `/v1/change-requests?state=pending&limit=1${cursor}`,
        as('shop'),
      );
      seen.push(...json.items.map(({ id }) => id));
      cursor = json.next === null ? '' : `&cursor=${json.next}`;
    } while (cursor !== '');
    expect([seen.includes(mine), seen.includes(mixed)]).toEqual([true, false]);
    const strange = await calls.post('/v1/change-requests', { title: 't', plan: {} }, as('ann'));
    expect(strange.status).toBe(400);
  });
});
