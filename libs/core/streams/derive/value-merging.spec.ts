import { describe, expect, it } from 'vitest';
import { JsonValueMerging, mergeMembers } from './value-merging.js';

const value = (text: string) => ({ value: Buffer.from(text), headers: [] });

describe('partial values laid over whole ones', () => {
  const merging = new JsonValueMerging();
  const merged = async (known: string, partial: string, nulls: 'keep' | 'set' = 'keep'): Promise<string> =>
    Buffer.from((await merging.merge('t', value(known), value(partial), { nulls })).value).toString();

  it('replace what they name and keep the rest, at every depth', async () => {
    expect(await merged('{"a":1,"b":{"c":2,"d":[1,2]}}', '{"b":{"d":[3]},"e":true}')).toBe(
      '{"a":1,"b":{"c":2,"d":[3]},"e":true}',
    );
    expect(await merged('5', '{"a":1}')).toBe('{"a":1}');
    expect(await merged('{"a":1}', '"text"')).toBe('"text"');
  });

  it('leave what a null stands for, or set it to null', async () => {
    expect(await merged('{"a":1}', '{"a":null,"b":null}')).toBe('{"a":1,"b":null}');
    expect(await merged('{"a":1}', '{"a":null}', 'set')).toBe('{"a":null}');
  });

  it('keep every digit of a number', async () => {
    expect(await merged('{"a":12345678901234567890}', '{"b":0.1000000000000000000001}')).toBe(
      '{"a":12345678901234567890,"b":0.1000000000000000000001}',
    );
  });

  it('take a member called __proto__ for one like any other', () => {
    const whole = mergeMembers({}, JSON.parse('{"__proto__": {"polluted": 1}}'), { nulls: 'keep' });
    expect(Object.keys(whole as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('are refused by name when they are no JSON text', async () => {
    await expect((async () => merging.merge('t', value('{}'), value('{'), { nulls: 'keep' }))()).rejects.toMatchObject({
      code: 'undecodable-record',
      message: expect.stringContaining("'t'"),
    });
  });
});
