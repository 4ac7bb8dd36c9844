import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, stampBatch } from '#libs/core/log';
import { Segment } from './segment.js';
import { chainBatch, chainStart } from './segment-chain.js';
import { decodeSidecar, encodeSidecarEntries, encodeSidecarHeader } from './sidecar.js';
import { Waypoints } from './waypoints.js';

const BINDING = { log: 11, topic: 3, partition: 2, baseOffset: 100 };
const INTERVAL = 256;

interface Planned {
  readonly records: number;
  readonly bytes: number;
  readonly timestamp: number;
}

const planned = fc.array(
  fc.record({
    records: fc.integer({ min: 1, max: 4 }),
    bytes: fc.nat(300),
    timestamp: fc.integer({ min: 0, max: 10_000 }),
  }),
  { minLength: 1, maxLength: 40 },
);

function batches(plan: readonly Planned[]): Buffer[] {
  let offset = BINDING.baseOffset;
  return plan.map(({ records, bytes, timestamp }) => {
    const value = Buffer.alloc(bytes);
    const batch = encodeBatch(Array.from({ length: records }, () => ({ key: null, value, headers: [], timestamp })));
    stampBatch(batch, offset, 1);
    offset += records;
    return Buffer.from(batch);
  });
}

function filled(all: readonly Buffer[]): Segment {
  const segment = new Segment(BINDING);
  for (const batch of all) segment.extend(batch, 0, batch.length, 5, INTERVAL);
  return segment;
}

describe('a segment', () => {
  it('places its index entries as Kafka does: one in each index for the batch that comes after more than an interval', () => {
    fc.assert(
      fc.property(planned, (plan) => {
        const all = batches(plan);
        const { tail } = filled(all);
        // Kafka's LogSegment.append, written down once more.
        const offsets: number[] = [];
        const times: number[] = [];
        let [since, position, base, largest, ofLargest, lastTime] = [0, 0, BINDING.baseOffset, -1, 0, -1];
        plan.forEach(({ records, timestamp }, i) => {
          const last = base + records - 1;
          if (since > INTERVAL) {
            offsets.push(last - BINDING.baseOffset, position);
            if (largest > lastTime) times.push((lastTime = largest), ofLargest - BINDING.baseOffset);
            since = 0;
          }
          if (timestamp > largest) [largest, ofLargest] = [timestamp, last];
          since += all[i]!.length;
          position += all[i]!.length;
          base = last + 1;
        });
        expect(tail.offsetEntries).toEqual(offsets);
        expect(tail.timeEntries).toEqual(times);
      }),
    );
  });

  it('has waypoints whose chain is that of the batches before them', () => {
    fc.assert(
      fc.property(planned, (plan) => {
        const all = batches(plan);
        const segment = filled(all);
        const chains = new Map([[0, chainStart(BINDING)]]);
        let [chain, position] = [chainStart(BINDING), 0];
        for (const batch of all) {
          chain = chainBatch(chain, batch, 0);
          position += batch.length;
          chains.set(position, chain);
        }
        for (let i = 0; i < segment.tail.waypoints.count; i++) {
          const waypoint = segment.tail.waypoints.at(i);
          expect(chains.get(waypoint.position)).toBe(waypoint.chain);
        }
        expect(segment.end.chain).toBe(chain);
      }),
    );
  });

  it('goes on after being restored from its state as if it had never stopped', () => {
    fc.assert(
      fc.property(planned, fc.nat(40), (plan, cut) => {
        const all = batches(plan);
        const first = filled(all.slice(0, cut));
        const again = Segment.restore(BINDING, first.state);
        for (const batch of all.slice(cut)) again.extend(batch, 0, batch.length, 5, INTERVAL);
        expect(again.state).toEqual(filled(all).state);
      }),
    );
  });

  it('has another chain in another place', () => {
    const [batch] = batches([{ records: 1, bytes: 10, timestamp: 1 }]);
    const here = chainBatch(chainStart(BINDING), batch!, 0);
    for (const other of [{ log: 12 }, { topic: 4 }, { partition: 3 }, { baseOffset: 101 }]) {
      expect(chainBatch(chainStart({ ...BINDING, ...other }), batch!, 0)).not.toBe(here);
    }
  });
});

describe('a sidecar', () => {
  const sidecarOf = (segment: Segment): Buffer => {
    const { waypoints } = segment.tail;
    const entries = encodeSidecarEntries(BINDING, waypoints, 0, waypoints.count);
    return Buffer.concat([encodeSidecarHeader(BINDING), entries]);
  };
  const segment = filled(batches(Array.from({ length: 20 }, (_, i) => ({ records: 2, bytes: 100, timestamp: i }))));

  it('gives back the waypoints it was made of', () => {
    const count = segment.tail.waypoints.count;
    const read = decodeSidecar(BINDING, sidecarOf(segment), count);
    expect(count).toBeGreaterThan(2);
    expect(read?.count).toBe(count);
    for (let i = 0; i < count; i++) expect(read?.at(i)).toEqual(segment.tail.waypoints.at(i));
  });

  it('is not read when any byte of it is wrong, or it belongs to another segment', () => {
    const bytes = sidecarOf(segment);
    const count = segment.tail.waypoints.count;
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x08;
      expect(decodeSidecar(BINDING, damaged, count), `byte ${at}`).toBeUndefined();
    }
    expect(decodeSidecar({ ...BINDING, partition: 9 }, bytes, count)).toBeUndefined();
    expect(decodeSidecar(BINDING, bytes.subarray(0, -1), count)).toBeUndefined();
  });
});

describe('waypoints', () => {
  it('answer like a search from the start, whatever was dropped before', () => {
    const rows = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(3)), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(rows, fc.nat(10), fc.nat(200), (steps, drop, probe) => {
        const waypoints = new Waypoints(1);
        let [offset, position, time] = [0, 0, 0];
        const plain = steps.map(([a, b, c]) => {
          [offset, position, time] = [offset + a, position + b, time + c];
          waypoints.push(offset, position, time, 1, 2);
          return { offset, position, time };
        });
        const dropped = Math.min(drop, plain.length);
        waypoints.dropFirst(dropped);
        const left = plain.slice(dropped);
        const orCount = (index: number): number => (index < 0 ? left.length : index);
        expect(waypoints.lastAtOffset(probe)).toBe(left.findLastIndex((one) => one.offset <= probe));
        expect(waypoints.firstAtPosition(probe)).toBe(orCount(left.findIndex((one) => one.position >= probe)));
        expect(waypoints.firstWithTimestamp(probe)).toBe(orCount(left.findIndex((one) => one.time >= probe)));
      }),
    );
  });
});
