import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ask } from './ask.js';
import { Bindings, differences, recordedConversations, type Step } from './conversation.js';

/** How many conversations there are at least: a suite without any promises nothing. */
const LEAST = 33;

/**
 * Every recorded conversation, held with a service.
 * @param base its URL, asked for when a test runs.
 * @param without conversations the service is known to answer otherwise, each with the reason.
 */
export function conversationsSuite(
  title: string,
  base: () => string,
  without: ReadonlyMap<string, string> = new Map(),
): void {
  describe(`the REST Proxy's conversations ${title}`, () => {
    const conversations = recordedConversations();

    it('are all there', () => {
      expect(conversations.length).toBeGreaterThanOrEqual(LEAST);
      const names = new Set(conversations.map(({ name }) => name));
      expect([...without.keys()].filter((name) => !names.has(name))).toEqual([]);
    });

    for (const { name, about, steps } of conversations) {
      const reason = without.get(name);
      const title = `${name}: ${about}`;
      const held = () => wrongSteps(base(), steps);
      if (reason === undefined) it(title, async () => expect(await held()).toEqual([]));
      else it(`${title} – is answered otherwise: ${reason}`, async () => expect(await held()).not.toEqual([]));
    }
  });
}

/** What was answered otherwise than recorded. */
async function wrongSteps(base: string, steps: readonly Step[]): Promise<readonly string[]> {
  const bindings = new Bindings({ p: `c${randomBytes(4).toString('hex')}-` });
  const wrong: string[] = [];
  for (const [index, step] of steps.entries()) {
    const unlike = differences(step, await ask(base, step, bindings), bindings);
    wrong.push(...unlike.map((one) => `step ${index + 1} ${step.method} ${bindings.fill(step.path)}: ${one}`));
  }
  return wrong;
}
