import { describe, expect, it } from 'vitest';
import { decided, REQUEST_COMMANDS, REQUEST_STATES } from './change-request.js';
import { changeRequestStoreContract, MemoryChangeRequestStore, submittedRequest } from './testing/index.js';

changeRequestStoreContract('memory', async () => ({
  requests: new MemoryChangeRequestStore(),
  dispose: async () => undefined,
}));

const [ann, bob] = ['ann', 'bob'].map((id) => ({ id, isKnown: true })) as [
  { id: string; isKnown: boolean },
  { id: string; isKnown: boolean },
];
const anybody = { id: 'anonymous', isKnown: false };

describe('a change request', () => {
  const pending = submittedRequest('cr_1');

  it('goes from pending to approved to applied, and each step says who, when and why', () => {
    const approved = decided(pending, 'approve', bob, 2_000, 'read it');
    expect(approved).toMatchObject({
      state: 'approved',
      revision: 2,
      decided: { by: 'bob', at: 2_000, note: 'read it' },
    });
    const applied = decided(approved, 'close', ann, 3_000, null);
    expect(applied).toMatchObject({ state: 'applied', revision: 3, decided: approved.decided, applied: { by: 'ann' } });
    expect(decided(applied, 'close', bob, 4_000, null)).toBe(applied);
  });

  it('is approved by anybody but its author, withdrawn by its author alone, where people are known', () => {
    expect(() => decided(pending, 'approve', ann, 0, null)).toThrow(/cannot approve/);
    expect(() => decided(pending, 'withdraw', bob, 0, null)).toThrow(/others reject it/);
    expect(decided(pending, 'withdraw', ann, 0, null).state).toBe('withdrawn');
    const own = submittedRequest('cr_2', { submitted: { by: 'anonymous', at: 0, note: null } });
    expect(decided(own, 'approve', anybody, 0, null).state).toBe('approved');
  });

  it('takes no command that does not fit where it stands', () => {
    const possible = REQUEST_STATES.flatMap((state) =>
      REQUEST_COMMANDS.flatMap((command) => {
        try {
          const next = decided({ ...pending, state }, command, anybody, 0, null).state;
          return next === state ? [] : [`${state} -${command}-> ${next}`];
        } catch (error) {
          expect(error).toMatchObject({ code: 'wrong-state' });
          return [];
        }
      }),
    );
    expect(possible).toEqual([
      'pending -approve-> approved',
      'pending -reject-> rejected',
      'pending -withdraw-> withdrawn',
      'approved -reject-> rejected',
      'approved -withdraw-> withdrawn',
      'approved -close-> applied',
    ]);
  });
});
