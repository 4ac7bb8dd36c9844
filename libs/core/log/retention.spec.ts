import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RetainableSegment, retainedFrom, type RetentionFacts, retentionRules } from './retention.js';

const NEVER = { retentionMs: Infinity, retentionBytes: Infinity };

function segment(
  baseOffset: number,
  nextOffset: number,
  sizeBytes: number,
  maxAppendTimeMs: number,
): RetainableSegment {
  return { baseOffset, nextOffset, sizeBytes, maxAppendTimeMs };
}

const SEGMENTS = [segment(0, 10, 100, 1_000), segment(10, 30, 100, 2_000), segment(35, 40, 100, 3_000)];
const facts = (rest: Partial<RetentionFacts> = {}): RetentionFacts => {
  return { startOffset: 0, endOffset: 40, heldFrom: Infinity, nowMs: 3_000, ...rest };
};

/** Segments in order of offsets, with gaps at times; append times need not rise: a clock may be set back. */
const anySegments = fc
  .array(
    fc.record({ gap: fc.nat(3), offsets: fc.integer({ min: 1, max: 20 }), size: fc.nat(200), time: fc.nat(5_000) }),
  )
  .map((shapes) => {
    let next = 0;
    return shapes.map(({ gap, offsets, size, time }) => {
      const base = next + gap;
      return segment(base, (next = base + offsets), size, time);
    });
  });
const anyRules = fc.record({
  retentionMs: fc.oneof(fc.constant(Infinity), fc.nat(5_000)),
  retentionBytes: fc.oneof(fc.constant(Infinity), fc.nat(800)),
});

describe('retention', () => {
  it('without limits keeps everything', () => {
    expect(retainedFrom(SEGMENTS, facts({ nowMs: 1e15 }), NEVER)).toBe(0);
  });

  it('by time drops what was appended too long ago, up to the first segment that is young enough', () => {
    const rules = { ...NEVER, retentionMs: 1_000 };
    expect(retainedFrom(SEGMENTS, facts({ nowMs: 2_000 }), rules)).toBe(0);
    expect(retainedFrom(SEGMENTS, facts({ nowMs: 2_001 }), rules)).toBe(10);
    expect(retainedFrom(SEGMENTS, facts({ nowMs: 3_001 }), rules)).toBe(35);
    const young = [segment(0, 5, 10, 9_000), segment(5, 9, 10, 1_000)];
    expect(retainedFrom(young, facts({ endOffset: 9, nowMs: 9_500 }), rules), 'the younger one shields').toBe(0);
  });

  it('drops the segment that still grows too, when it is too old', () => {
    expect(retainedFrom(SEGMENTS, facts({ nowMs: 10_000 }), { ...NEVER, retentionMs: 1_000 })).toBe(40);
  });

  it('by size never goes below the limit', () => {
    expect(retainedFrom(SEGMENTS, facts(), { ...NEVER, retentionBytes: 201 })).toBe(0);
    expect(retainedFrom(SEGMENTS, facts(), { ...NEVER, retentionBytes: 200 })).toBe(10);
    expect(retainedFrom(SEGMENTS, facts(), { ...NEVER, retentionBytes: 99 })).toBe(35);
    expect(retainedFrom(SEGMENTS, facts(), { ...NEVER, retentionBytes: 0 })).toBe(40);
  });

  it('never passes a hold, and never goes back', () => {
    const rules = { ...NEVER, retentionMs: 0 };
    expect(retainedFrom(SEGMENTS, facts({ nowMs: 9_000, heldFrom: 12 }), rules)).toBe(10);
    expect(retainedFrom(SEGMENTS, facts({ nowMs: 9_000, heldFrom: 32 }), rules)).toBe(32);
    expect(retainedFrom(SEGMENTS, facts({ nowMs: 9_000, heldFrom: 0 }), rules)).toBe(0);
    expect(retainedFrom(SEGMENTS, facts({ startOffset: 12, nowMs: 2_001 }), { ...NEVER, retentionMs: 1_000 })).toBe(12);
  });

  it('whatever the log: only whole segments go, oldest first, each for a reason, and the first that stays has none', () => {
    fc.assert(
      fc.property(anySegments, anyRules, fc.nat(6_000), fc.nat(120), (segments, rules, nowMs, held) => {
        const endOffset = segments.at(-1)?.nextOffset ?? 0;
        const heldFrom = held > 100 ? Infinity : held;
        const start = retainedFrom(segments, { startOffset: 0, endOffset, heldFrom, nowMs }, rules);
        const gone = segments.filter((one) => one.nextOffset <= start);
        const kept = segments.slice(gone.length);
        expect(kept.every((one) => one.baseOffset >= start)).toBe(true);
        expect(start).toBeLessThanOrEqual(Math.min(endOffset, Math.max(0, heldFrom)));
        const bytes = (some: readonly RetainableSegment[]): number => some.reduce((sum, one) => sum + one.sizeBytes, 0);
        const reason = (index: number): boolean =>
          nowMs - segments[index]!.maxAppendTimeMs > rules.retentionMs ||
          bytes(segments.slice(index + 1)) >= rules.retentionBytes;
        expect(gone.every((_, index) => reason(index))).toBe(true);
        const [next] = kept;
        if (next !== undefined && next.nextOffset <= heldFrom) expect(reason(gone.length)).toBe(false);
      }),
    );
  });

  it('takes −1 and the largest number Kafka can write for no limit', () => {
    expect(retentionRules({})).toEqual({ retentionMs: 604_800_000, retentionBytes: Infinity });
    expect(retentionRules({ 'retention.ms': '-1', 'retention.bytes': '5' })).toEqual({
      retentionMs: Infinity,
      retentionBytes: 5,
    });
    expect(retentionRules({ 'retention.ms': '9223372036854775807' }).retentionMs).toBe(Infinity);
  });
});
