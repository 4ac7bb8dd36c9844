import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SchemaDigest } from './digest.js';
import type { Direction } from './format.js';
import { VersionDigests } from './version-digests.js';

/** What certainty means, for one pair. */
function reads(reader: SchemaDigest, writer: SchemaDigest): boolean {
  return (
    reader.frame === writer.frame &&
    reader.parts.every((part) => {
      const written = writer.parts.find(({ name }) => name === part.name);
      return written === undefined ? !part.required : written.content === part.content;
    })
  );
}

const PART = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'constructor', '__proto__'),
  content: fc.constantFrom('int', 'long'),
  required: fc.boolean(),
});
const DIGEST: fc.Arbitrary<SchemaDigest> = fc.record({
  frame: fc.constantFrom('R', 'R', 'R', 'S'),
  parts: fc.uniqueArray(PART, { selector: ({ name }) => name }),
});
const HISTORY = fc.array(fc.oneof({ weight: 9, arbitrary: DIGEST }, { weight: 1, arbitrary: fc.constant(undefined) }), {
  maxLength: 12,
});
const QUESTIONS: readonly (readonly Direction[])[] = [
  ['new-reads-old'],
  ['old-reads-new'],
  ['old-reads-new', 'new-reads-old'],
];

function digestsOf(history: readonly (SchemaDigest | undefined)[]): VersionDigests {
  const digests = new VersionDigests();
  for (const [id, digest] of history.entries()) digests.add(id, `sketch ${id}`, digest);
  return digests;
}

describe('the digests of many versions laid over one another', () => {
  it('say of each what its digest alone says, in every direction, and so do those that were written and read', () => {
    let certain = 0;
    fc.assert(
      fc.property(HISTORY, DIGEST, (history, candidate) => {
        for (const digests of [digestsOf(history), VersionDigests.parse(digestsOf(history).toText())!]) {
          for (const directions of QUESTIONS) {
            const isCertain = digests.certain(candidate, directions);
            for (const [id, digest] of history.entries()) {
              const expected =
                digest !== undefined &&
                directions.every((direction) =>
                  direction === 'new-reads-old' ? reads(candidate, digest) : reads(digest, candidate),
                );
              if (expected) certain++;
              expect(isCertain(id)).toBe(expected);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(certain).toBeGreaterThan(300);
  });

  it('are the same written, read, grown and written again', () => {
    fc.assert(
      fc.property(HISTORY, HISTORY, (first, more) => {
        const read = VersionDigests.parse(digestsOf(first).toText())!;
        for (const [i, digest] of more.entries()) read.add(first.length + i, `sketch ${first.length + i}`, digest);
        expect(read.toText()).toBe(digestsOf([...first, ...more]).toText());
      }),
    );
  });

  it('leave open what they do not know', () => {
    const digests = digestsOf([{ frame: 'R', parts: [] }]);
    expect(digests.certain({ frame: 'R', parts: [] }, ['new-reads-old'])(7)).toBe(false);
    expect(digests.certain(undefined, ['new-reads-old'])(0)).toBe(false);
    expect([digests.mayEqual(0, 'sketch 0'), digests.mayEqual(0, 'x'), digests.mayEqual(7, 'x')]).toEqual([
      true,
      false,
      true,
    ]);
    digests.add(8, null, undefined);
    expect(digests.mayEqual(8, 'x')).toBe(true);
  });

  it('keep what was added first of an id: it stands for one schema', () => {
    const digests = digestsOf([{ frame: 'R', parts: [] }]);
    digests.add(0, 'other', undefined);
    expect([digests.size, digests.mayEqual(0, 'other')]).toEqual([1, false]);
  });

  it('take a bounded room: beyond it schemas are known without digests', () => {
    const digests = new VersionDigests();
    const parts = (id: number) =>
      Array.from({ length: 1_000 }, (_, i) => ({ name: `${id}/${i}`, content: 'x'.repeat(500), required: false }));
    for (let id = 0; id < 50; id++) digests.add(id, null, { frame: 'R', parts: parts(id) });
    expect(digests.weight).toBeLessThan(4 * 1024 * 1024);
    const isCertain = digests.certain({ frame: 'R', parts: [] }, ['new-reads-old']);
    expect([isCertain(0), isCertain(49), digests.has(49)]).toEqual([true, false, true]);
  });

  it('mean nothing in the form of another release', () => {
    expect(VersionDigests.parse('[0,[1],["s"],[],[],[]]')).toBeUndefined();
  });
});
