import { VarintReader, varlongSize, writeVarlong } from './varint.js';

/** Next offset of some partitions, and where each ends for its reader, if it does. */
export interface PlacedPartitions {
  readonly positions: ReadonlyMap<number, number>;
  readonly until?: ReadonlyMap<number, number>;
}

/**
 * A vector in few bytes, since it travels with every request of a reader: partitions that follow one another are a run, which begins with the gap before it, its length, and
 * whether its partitions have ends; each offset is told by its difference to the one before, each end by its difference to the offset. Partitions of a topic are mostly about
 * equally full, so that most take two to four bytes; none takes more than ten, or twenty with an end, beside its run.
 */
export function vectorBytes({ positions, until }: PlacedPartitions): Uint8Array {
  const numbers: number[] = [];
  let [next, before] = [0, 0];
  for (const run of runsOf(positions, until)) {
    const [first] = run.places[0]!;
    numbers.push(first - next, run.places.length, run.ends ? 1 : 0);
    for (const [partition, offset] of run.places) {
      numbers.push(offset - before);
      if (run.ends) numbers.push(until!.get(partition)! - offset);
      before = offset;
    }
    next = first + run.places.length;
  }
  const bytes = new Uint8Array(numbers.reduce((size, number) => size + varlongSize(number), 0));
  let at = 0;
  for (const number of numbers) at = writeVarlong(bytes, at, number);
  return bytes;
}

/** What {@link vectorBytes} was given, by partition. @throws what `malformed` makes, for bytes that it did not make. */
export function vectorOf(bytes: Uint8Array, malformed: (why: string) => Error): PlacedPartitions {
  const reader = new VarintReader(bytes, 0, bytes.length, malformed);
  const number = (): number => Number(reader.int64());
  const positions = new Map<number, number>();
  const until = new Map<number, number>();
  for (let partition = 0, before = 0; reader.at < bytes.length;) {
    partition += number();
    const behind = partition + number();
    const ends = number() === 1;
    for (; partition < behind; partition++) {
      before += number();
      positions.set(partition, before);
      if (ends) until.set(partition, before + number());
    }
  }
  return { positions, until: until.size === 0 ? undefined : until };
}

interface Run {
  readonly ends: boolean;
  readonly places: [partition: number, offset: number][];
}

function runsOf(positions: PlacedPartitions['positions'], until: PlacedPartitions['until']): readonly Run[] {
  const runs: Run[] = [];
  for (const place of [...positions].sort(([a], [b]) => a - b)) {
    const ends = until?.has(place[0]) ?? false;
    const last = runs.at(-1);
    if (last?.ends === ends && last.places.at(-1)![0] + 1 === place[0]) last.places.push(place);
    else runs.push({ ends, places: [place] });
  }
  return runs;
}
