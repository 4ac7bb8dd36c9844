import { describe, expect, it } from 'vitest';
import { Bindings, differences, recordedConversations, type Step, type StepAnswer } from './conversation.js';

/** The recorded answer with something in the place of every name. */
function recordedAnswer(step: Step): StepAnswer {
  const fill = (text: string): string => text.replace(/\$\{([a-z0-9]+)\}/g, (_all, name: string) => `x${name}`);
  const { response } = step;
  const text = step.response_text ?? (response === undefined || response === null ? '' : JSON.stringify(response));
  return { status: step.status, contentType: step.content_type, text: fill(text) };
}

const fresh = () => new Bindings({ p: 'xp' });
const steps = recordedConversations().flatMap((conversation) => conversation.steps);
const compared = steps.filter(({ compare }) => compare !== 'status');

describe('the comparison of an answer with the recorded one', () => {
  it('finds nothing in the recorded answers themselves', () => {
    for (const { steps: all } of recordedConversations()) {
      const bindings = fresh();
      for (const step of all) expect(differences(step, recordedAnswer(step), bindings)).toEqual([]);
    }
  });

  it('finds another status, type, missing and additional members, and another value, in every step', () => {
    expect(compared.length).toBeGreaterThan(300);
    for (const step of compared) {
      const answer = recordedAnswer(step);
      const found = (changed: Partial<StepAnswer>) => differences(step, { ...answer, ...changed }, fresh()).length;
      expect(found({ status: answer.status + 1 })).toBeGreaterThan(0);
      expect(found({ contentType: 'text/plain' })).toBeGreaterThan(0);
      expect(found({ text: answer.text === '' ? '{}' : '' })).toBeGreaterThan(0);
      if (step.response_text !== undefined) {
        expect(found({ text: answer.text.replace('"offset":0', '"offset":7') })).toBeGreaterThan(0);
        expect(found({ text: answer.text.replaceAll('\r\n', '\n') })).toBeGreaterThan(0);
        continue;
      }
      const body = answer.text === '' ? undefined : (JSON.parse(answer.text) as unknown);
      if (typeof body !== 'object' || body === null || Array.isArray(body)) continue;
      const members = Object.entries(body);
      expect(found({ text: JSON.stringify({ ...body, more: 1 }) })).toBeGreaterThan(0);
      for (const [name] of members) {
        expect(
          found({ text: JSON.stringify(Object.fromEntries(members.filter(([one]) => one !== name))) }),
        ).toBeGreaterThan(0);
        const recorded = (step.response as Record<string, unknown>)[name];
        if (name === 'message' || JSON.stringify(recorded).includes('${')) continue;
        expect(found({ text: JSON.stringify({ ...body, [name]: ['other'] }) })).toBeGreaterThan(0);
      }
    }
  });

  it('holds a name to what it was bound to first', () => {
    const step = { method: 'GET', path: '/', status: 200, content_type: '', response: { a: '${id1}', b: '/${id1}' } };
    const answer = (a: unknown, b: string) => ({ status: 200, contentType: '', text: JSON.stringify({ a, b }) });
    expect(differences(step, answer(7, '/7'), fresh())).toEqual([]);
    expect(differences(step, answer(7, '/8'), fresh())).toHaveLength(1);
  });

  it('finds a list in another order, and one without an item', () => {
    const step = {
      method: 'GET',
      path: '/',
      status: 200,
      content_type: '',
      compare: 'contains',
      response: ['a', 'b'],
    } as const;
    const answer = (list: readonly string[]) => ({ status: 200, contentType: '', text: JSON.stringify(list) });
    expect(differences(step, answer(['z', 'a', 'y', 'b']), fresh())).toEqual([]);
    expect(differences(step, answer(['b', 'a']), fresh())).toHaveLength(1);
    expect(differences(step, answer(['a']), fresh())).toHaveLength(1);
  });
});
