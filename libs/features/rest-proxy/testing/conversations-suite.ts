import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ask } from './ask.js';
import { Bindings, differences, recordedConversations, type Step } from './conversation.js';

/** How many conversations there are at least: a suite without any promises nothing. */
const LEAST = 33;

/** What a service is known to answer otherwise in a conversation, as numbers of steps from 1; `any` where it cannot hold it at all. */
export type Otherwise = (conversation: string) => readonly number[] | 'any';

/**
 * Every recorded conversation, held with a service.
 * @param base its URL, asked for when a test runs.
 * @param otherwise asked then, too. What is answered as recorded after all is no longer to be named there, and fails.
 */
export function conversationsSuite(title: string, base: () => string, otherwise: Otherwise = () => []): void {
  describe(`the REST Proxy's conversations ${title}`, () => {
    const conversations = recordedConversations();

    it('are all there', () => {
      expect(conversations.length).toBeGreaterThanOrEqual(LEAST);
    });

    for (const { name, about, steps } of conversations) {
      it(`${name}: ${about}`, async () => {
        const wrong = await wrongSteps(base(), steps);
        const known = otherwise(name);
        if (known === 'any') return expect(wrong.size).toBeGreaterThan(0);
        expect([...wrong].filter(([step]) => !known.includes(step))).toEqual([]);
        expect(known.filter((step) => !wrong.has(step))).toEqual([]);
      });
    }
  });
}

/** What was answered otherwise than recorded, by step. */
async function wrongSteps(base: string, steps: readonly Step[]): Promise<ReadonlyMap<number, readonly string[]>> {
  const bindings = new Bindings({ p: `c${randomBytes(4).toString('hex')}-` });
  const wrong = new Map<number, readonly string[]>();
  for (const [index, step] of steps.entries()) {
    const unlike = differences(step, await ask(base, step, bindings), bindings);
    if (unlike.length > 0) wrong.set(index + 1, [`${step.method} ${bindings.fill(step.path)}`, ...unlike]);
  }
  return wrong;
}
