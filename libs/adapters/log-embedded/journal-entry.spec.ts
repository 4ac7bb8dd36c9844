import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EntryFacts, entryShape, readEntryHeader, saltOf, writeEntryFrame } from './journal-entry.js';
import { scanJournal } from './journal-scan.js';

const KEY = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');
const GENERATION = 7;
const SALT = saltOf(KEY, GENERATION);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const offset = fc.maxSafeNat();

const section = fc.record({
  topic: u32,
  partition: u32,
  baseOffset: offset,
  lastOffsetDelta: fc.nat(),
  segmentBase: offset,
  position: u32,
  length: fc.nat(40),
  crc: u32,
  reference: fc.boolean(),
});
const facts = fc.record({
  appendTimeMs: offset,
  durableUpTo: fc.constant(1_000),
  sections: fc.array(section, { maxLength: 4 }),
  commands: fc.uint8Array({ maxLength: 60 }),
});
type Facts = Pick<EntryFacts, 'appendTimeMs' | 'durableUpTo' | 'sections' | 'commands'>;

/** A journal file's content: the entries, then zeros. */
function journal(entries: readonly Facts[], startLsn = 1_000, generation = GENERATION): Buffer {
  const parts: Buffer[] = [];
  let lsn = startLsn;
  for (const one of entries) {
    const payload = one.sections.reduce((sum, { reference, length }) => sum + (reference ? 0 : length), 0);
    const shape = entryShape(one.sections.length, one.commands.length, payload);
    const bytes = Buffer.alloc(shape.entryLength, 0xaa);
    writeEntryFrame(bytes, 0, shape, { ...one, generation, lsn }, saltOf(KEY, generation));
    parts.push(bytes);
    lsn += shape.entryLength;
  }
  return Buffer.concat([...parts, Buffer.alloc(64)]);
}

const plain = (durableUpTo: number): Facts => ({
  appendTimeMs: 1,
  durableUpTo,
  sections: [],
  commands: Buffer.from('[]'),
});

describe('a journal entry', () => {
  it('says when it is read what it was told when it was written', () => {
    fc.assert(
      fc.property(fc.array(facts, { minLength: 1, maxLength: 5 }), (entries) => {
        const { found } = scanJournal(journal(entries), GENERATION, SALT, 1_000);
        const read = found.map((one) => (one.kind === 'entry' ? one.header : undefined));
        expect(read.map((one) => one?.sections)).toEqual(entries.map((one) => one.sections));
        expect(read.map((one) => Buffer.from(one!.commands))).toEqual(entries.map((one) => Buffer.from(one.commands)));
        expect(read.map((one) => one?.appendTimeMs)).toEqual(entries.map((one) => one.appendTimeMs));
      }),
    );
  });

  it('is read from its second header when any byte of the first is wrong', () => {
    const bytes = journal([plain(1_000), plain(1_000), plain(1_000)]);
    const { entryLength, headerLength } = entryShape(0, 2, 0);
    for (let at = entryLength; at < entryLength + headerLength; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x40;
      const { found } = scanJournal(damaged, GENERATION, SALT, 1_000);
      expect(
        found.map((one) => one.kind === 'entry' && one.healed),
        `byte ${at}`,
      ).toEqual([false, true, false]);
    }
  });

  it('is not taken for one of another generation, another place, or another log', () => {
    const bytes = journal([plain(1_000)]);
    expect(scanJournal(bytes, GENERATION + 1, saltOf(KEY, GENERATION + 1)).found).toEqual([]);
    expect(scanJournal(bytes, GENERATION, SALT, 2_000).found).toEqual([]);
    const otherKey = Buffer.alloc(16);
    expect(scanJournal(bytes, GENERATION, saltOf(otherKey, GENERATION)).found).toEqual([]);
  });

  it('never looks different for a flipped bit: it is read as it was or not at all', () => {
    const bytes = journal([{ ...plain(1_000), commands: Buffer.from('["something"]') }]);
    const right = readEntryHeader(bytes, 0, SALT);
    for (let bit = 32; bit < right!.headerLength * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(readEntryHeader(damaged, 0, SALT)).toBeUndefined();
    }
  });
});

describe('a scan of the journal', () => {
  it('reports what lies between readable entries as a gap, and the highest watermark', () => {
    const bytes = journal([plain(1_000), plain(1_000), plain(1_200)]);
    const { entryLength } = entryShape(0, 2, 0);
    bytes.fill(0, entryLength, 2 * entryLength);
    const scan = scanJournal(bytes, GENERATION, SALT, 1_000);
    expect(scan.found.map((one) => one.kind)).toEqual(['entry', 'gap', 'entry']);
    expect(scan.found[1]).toEqual({ kind: 'gap', from: 1_000 + entryLength, to: 1_000 + 2 * entryLength });
    expect(scan.durableUpTo).toBe(1_200);
  });

  it('ends at old entries behind the new ones', () => {
    const old = journal([plain(1), plain(1), plain(1), plain(1)], 1_000, GENERATION - 2);
    const fresh = journal([plain(1_000), plain(1_000)]).subarray(0, -64);
    old.set(fresh);
    expect(scanJournal(old, GENERATION, SALT, 1_000).found).toHaveLength(2);
  });
});
