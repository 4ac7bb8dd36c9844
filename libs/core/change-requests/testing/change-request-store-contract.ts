import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decided, type ChangeRequest } from '../change-request.js';
import type { ChangeRequestStore } from '../change-request-store.js';

export interface ChangeRequestStoreUnderTest {
  readonly requests: ChangeRequestStore;
  readonly dispose: () => Promise<void>;
}

/** A request as somebody submitted it. */
export function submittedRequest(id: string, more: Partial<ChangeRequest> = {}): ChangeRequest {
  return {
    id,
    revision: 1,
    state: 'pending',
    title: `title of ${id}`,
    submitted: { by: 'ann', at: 1_000, note: null },
    decided: null,
    applied: null,
    subjects: ['a-value'],
    topics: [],
    ...more,
  };
}

const MANY = 1_000;
const bob = { id: 'bob', isKnown: true };

/** What every {@link ChangeRequestStore} promises. */
export function changeRequestStoreContract(name: string, open: () => Promise<ChangeRequestStoreUnderTest>): void {
  describe(`${name} keeps change requests`, () => {
    let under: ChangeRequestStoreUnderTest;
    let requests: ChangeRequestStore;
    beforeAll(async () => {
      under = await open();
      requests = under.requests;
    });
    afterAll(() => under.dispose());

    it('as they were, with their plans, newest first, by state, a page after another', async () => {
      const plan = { changes: [{ schema: '{"é": "\u0001"}' }], number: 1.5 };
      for (const id of ['cr_a1', 'cr_a2', 'cr_a3']) await requests.add({ request: submittedRequest(id), plan }, MANY);
      expect(await requests.find('cr_a2')).toEqual({ request: submittedRequest('cr_a2'), plan });
      expect(await requests.find('cr_none')).toBeUndefined();
      const ids = async (query: Parameters<ChangeRequestStore['list']>[0]) =>
        (await requests.list(query)).map(({ id }) => id);
      expect(await ids({ limit: 2 })).toEqual(['cr_a3', 'cr_a2']);
      expect(await ids({ limit: 2, before: 'cr_a2' })).toEqual(['cr_a1']);
      expect(await requests.replace(decided(submittedRequest('cr_a2'), 'approve', bob, 2_000, 'fine'))).toBe(true);
      expect(await ids({ limit: 9, state: 'approved' })).toEqual(['cr_a2']);
      expect(await ids({ limit: 9, state: 'pending', before: 'cr_a3' })).toEqual(['cr_a1']);
      expect(await requests.find('cr_a2')).toMatchObject({
        plan,
        request: { revision: 2, decided: { by: 'bob', at: 2_000, note: 'fine' } },
      });
    });

    it('so that of two changes at once one comes too late, and changes nothing', async () => {
      const request = submittedRequest('cr_b1');
      await requests.add({ request, plan: {} }, MANY);
      const changes = await Promise.all([
        requests.replace(decided(request, 'approve', bob, 2_000, null)),
        requests.replace(decided(request, 'reject', bob, 2_000, null)),
      ]);
      expect(changes.filter((done) => done)).toHaveLength(1);
      expect((await requests.find('cr_b1'))!.request.state).toBe(changes[0] ? 'approved' : 'rejected');
      expect(await requests.replace(submittedRequest('cr_none', { revision: 2 }))).toBe(false);
    });

    it('until they have ended for long, and only so many that are open', async () => {
      const ended = submittedRequest('cr_c1');
      await requests.add({ request: ended, plan: {} }, MANY);
      await requests.replace(decided(ended, 'withdraw', { id: 'ann', isKnown: true }, 5_000, null));
      await requests.prune(5_000);
      expect(await requests.find('cr_c1')).toBeDefined();
      await requests.prune(5_001);
      expect(await requests.find('cr_c1')).toBeUndefined();
      const there = (await requests.list({ limit: MANY })).filter(
        ({ state }) => state === 'pending' || state === 'approved',
      );
      await requests.add({ request: submittedRequest('cr_c2'), plan: {} }, there.length + 1);
      const more = requests.add({ request: submittedRequest('cr_c3'), plan: {} }, there.length + 1);
      await expect(more).rejects.toMatchObject({ code: 'too-many-open-requests' });
      expect(await requests.find('cr_c3')).toBeUndefined();
    });
  });
}
