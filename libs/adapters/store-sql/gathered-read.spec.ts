import { describe, expect, it } from 'vitest';
import { AppError, deferred, type Deferred } from '#libs/core/kernel';
import { GatheredRead } from './gathered-read.js';

/** A read that answers when told to, and tells what it was asked. */
function reading(most = 4) {
  const reads: { readonly keys: readonly string[]; readonly answer: Deferred<readonly string[]> }[] = [];
  const gathered = new GatheredRead((keys: readonly string[]) => {
    const answer = deferred<readonly string[]>();
    reads.push({ keys, answer });
    return answer.promise;
  }, most);
  const turn = () => new Promise((resolve) => void setImmediate(resolve));
  const answer = async (read: number) => {
    reads[read]!.answer.resolve(reads[read]!.keys.map((key) => key.toUpperCase()));
    await turn();
  };
  const ask = async (...keys: string[]) => {
    const { result, from } = await gathered.of(keys);
    return result.slice(from, from + keys.length);
  };
  return { reads, answer, ask, turn };
}

describe('a gathered read', () => {
  it('reads together what is asked for in one turn, and then what was asked for meanwhile', async () => {
    const { reads, answer, ask, turn } = reading();
    const asked = [ask('a'), ask('b')];
    await turn();
    asked.push(ask('c'), ask('d', 'e'));
    await turn();
    expect(reads.map(({ keys }) => keys)).toEqual([['a', 'b']]);
    await answer(0);
    expect(reads.map(({ keys }) => keys)).toEqual([
      ['a', 'b'],
      ['c', 'd', 'e'],
    ]);
    await answer(1);
    expect(await Promise.all(asked)).toEqual([['A'], ['B'], ['C'], ['D', 'E']]);
  });

  it('never answers with a read that began before the question', async () => {
    const { reads, answer, ask, turn } = reading();
    const first = ask('a');
    await turn();
    const second = ask('a');
    await answer(0);
    expect(await first).toEqual(['A']);
    expect(reads).toHaveLength(2);
    await answer(1);
    expect(await second).toEqual(['A']);
  });

  it('keeps to its bound, except for one caller who asks for more', async () => {
    const { reads, answer, ask, turn } = reading(2);
    void ask('a');
    void ask('b');
    void ask('c', 'd', 'e');
    void ask('f');
    await turn();
    for (const read of [0, 1, 2]) await answer(read);
    expect(reads.map(({ keys }) => keys)).toEqual([['a', 'b'], ['c', 'd', 'e'], ['f']]);
  });

  it('tells an error to those whose read it was, and reads on', async () => {
    const { reads, answer, ask, turn } = reading();
    const failing = ask('a');
    await turn();
    const next = ask('b');
    reads[0]!.answer.reject(new Error('unreadable'));
    await expect(failing).rejects.toThrow('unreadable');
    await answer(1);
    expect(await next).toEqual(['B']);
  });

  it('lets nobody pay for keys of another that cannot be asked for', async () => {
    const { reads, answer, ask, turn } = reading();
    const [first, wrong, last] = [ask('a'), ask('\0'), ask('b')];
    await turn();
    const refused = new AppError({ kind: 'invalid', code: 'text-not-storable', message: 'no' });
    reads[0]!.answer.reject(refused);
    await turn();
    await answer(1);
    reads[2]!.answer.reject(refused);
    await expect(wrong).rejects.toBe(refused);
    await answer(3);
    expect(await Promise.all([first, last])).toEqual([['A'], ['B']]);
    expect(reads.map(({ keys }) => keys)).toEqual([['a', '\0', 'b'], ['a'], ['\0'], ['b']]);
  });
});
