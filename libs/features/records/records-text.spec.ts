import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { Turns, type ReadRecord } from '#libs/core/records';
import { recordsText } from './records-text.js';

const record = (value: ReadRecord['value']): ReadRecord => ({
  partition: 0,
  offset: '7',
  timestamp: 1,
  key: null,
  keyFormat: 'none',
  value,
  valueFormat: 'json',
  headers: [{ key: 'h', value: { base64: '/w==' } }],
});

describe('the answer of a read', () => {
  it('is the text that JSON.stringify gives', async () => {
    const clock = new ManualClock();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 3 }), fc.boolean(), async (values, large) => {
        const filling = Object.fromEntries(Array.from({ length: large ? 9_000 : 0 }, (_, i) => [`"${i}`, 'ä\n']));
        const records = [...values, filling].map((value) => record(value as ReadRecord['value']));
        const answer = { records, next: 'a"b', atEnd: large };
        const text = await recordsText(answer, new Turns(clock, () => Promise.resolve()));
        expect(text.toString()).toBe(JSON.stringify(answer));
      }),
      { numRuns: 50 },
    );
  });

  it('is the same where a text is longer than is encoded at once, whatever it is made of', async () => {
    for (const text of [`x${'\u{1f600}'.repeat(200_000)}`, 'ä\n'.repeat(200_000), '\ud83d'.repeat(90_000)]) {
      const answer = { records: [record(text), record('b'), record([text])], next: '', atEnd: true };
      const bytes = await recordsText(answer, new Turns(new ManualClock(), () => Promise.resolve()));
      expect(bytes.equals(Buffer.from(JSON.stringify(answer)))).toBe(true);
    }
  });

  it('is written in turns where one record is large; negative control: small ones are not', async () => {
    const turnsFor = async (value: ReadRecord['value']): Promise<number> => {
      let taken = 0;
      const turns = new Turns(new ManualClock(), async () => void taken++);
      await recordsText({ records: [record(value)], next: '', atEnd: true }, turns);
      return taken;
    };
    expect(await turnsFor(Array.from({ length: 50_000 }, () => 0))).toBeGreaterThan(5);
    expect(await turnsFor(Array.from({ length: 50 }, () => 0))).toBe(0);
  });
});
