import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnswerStore, KeptRequest } from '../answer-store.js';

export interface AnswerStoreUnderTest {
  readonly answers: AnswerStore;
  readonly dispose: () => Promise<void>;
}

const keptRequest = (id: string, more: Partial<KeptRequest> = {}): KeptRequest => ({
  id,
  request: { call: 'POST /v1/topics', '.name': '"é"' },
  at: 1_000,
  seed: 'seed',
  attempt: 'first',
  until: 5_000,
  answer: null,
  ...more,
});

/** What every {@link AnswerStore} promises. */
export function answerStoreContract(name: string, open: () => Promise<AnswerStoreUnderTest>): void {
  describe(`${name} remembers requests with a key`, () => {
    let under: AnswerStoreUnderTest;
    let answers: AnswerStore;
    beforeAll(async () => {
      under = await open();
      answers = under.answers;
    });
    afterAll(() => under.dispose());

    it('once, as they were, and of several at once one', async () => {
      const added = await Promise.all(
        ['a', 'b', 'c', 'd'].map((attempt) => answers.add(keptRequest('r1', { attempt }))),
      );
      expect(added.filter((one) => one)).toHaveLength(1);
      expect(await answers.find('r1')).toEqual(keptRequest('r1', { attempt: 'abcd'[added.indexOf(true)]! }));
      expect(await answers.find('none')).toBeUndefined();
    });

    it('as the latest of several left them: who comes too late changes nothing', async () => {
      await answers.add(keptRequest('r2'));
      const second = keptRequest('r2', { attempt: 'second', until: 9_000 });
      const taken = await Promise.all([
        answers.replace(second, 'first'),
        answers.replace({ ...second, attempt: 'third' }, 'first'),
      ]);
      expect(taken.filter((one) => one)).toHaveLength(1);
      const { attempt } = (await answers.find('r2'))!;
      const done = { ...second, attempt: 'done', answer: { value: { name: 'orders', list: [1.5, null] } } };
      expect(await answers.replace({ ...second, answer: { value: 'late' } }, 'first')).toBe(false);
      expect(await answers.replace(done, attempt)).toBe(true);
      expect(await answers.replace({ ...second, attempt: 'fourth' }, attempt)).toBe(false);
      expect(await answers.replace(keptRequest('none'), 'first')).toBe(false);
      await answers.remove('r2', attempt);
      expect(await answers.find('r2')).toEqual(done);
    });

    it('until their attempt gives them up, or their time is over', async () => {
      await answers.add(keptRequest('r3'));
      await answers.remove('r3', 'another');
      expect(await answers.find('r3')).toBeDefined();
      await answers.remove('r3', 'first');
      expect(await answers.find('r3')).toBeUndefined();
      await answers.add(keptRequest('r4', { at: 7_000 }));
      await answers.prune(7_000);
      expect([await answers.find('r2'), await answers.find('r4')]).toEqual([
        undefined,
        keptRequest('r4', { at: 7_000 }),
      ]);
    });
  });
}
