import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import type { Position } from '../reference.js';
import { pathOf, type Topic } from './topics.js';

/** A place in one partition. */
export interface PartitionOffset {
  readonly partition: number;
  readonly offset: string;
}

/**
 * The offsets of a position, partition by partition, never outside what is there. A time is the first record that is not older, or the end where there is none.
 * @param only this partition alone. @throws Failure where there is none of that number.
 */
export async function offsetsAt(
  client: Client,
  topic: string,
  asked: Position,
  only?: number,
): Promise<readonly PartitionOffset[]> {
  const { partitions = [] } = await client.get<Topic>(pathOf(topic));
  const wanted = partitions.filter(({ partition }) => only === undefined || partition === only);
  if (only !== undefined && wanted.length === 0)
    throw new Failure({
      code: 'partition-not-found',
      exit: 'not-found',
      message: `Topic '${topic}' has no partition ${only}.`,
      hint: `It has ${partitions.length}: weir topic describe ${topic} --partitions`,
    });
  const offsets: PartitionOffset[] = [];
  for (const { partition, startOffset, endOffset } of wanted) {
    if (startOffset === null || endOffset === null)
      throw new Failure({
        code: 'partition-leaderless',
        exit: 'unreachable',
        message: `No broker leads ${topic}/${partition}, so that its offsets are not known.`,
        hint: 'weir topic describe --partitions shows when one does.',
      });
    const [start, end] = [BigInt(startOffset), BigInt(endOffset)];
    const offset = asked.kind === 'time' ? await offsetAtTime(client, topic, partition, asked.at) : count(asked);
    const place = offset === undefined ? end : offset(start, end);
    offsets.push({ partition, offset: String(place < start ? start : place > end ? end : place) });
  }
  return offsets;
}

type Placed = (start: bigint, end: bigint) => bigint;

function count(asked: Exclude<Position, { kind: 'time' }>): Placed {
  switch (asked.kind) {
    case 'start':
      return (start) => start;
    case 'end':
      return (_start, end) => end;
    case 'offset':
      return () => BigInt(asked.offset);
    case 'after-start':
      return (start) => start + BigInt(asked.records);
    case 'before-end':
      return (_start, end) => end - BigInt(asked.records);
  }
}

async function offsetAtTime(client: Client, topic: string, partition: number, at: number): Promise<Placed | undefined> {
  const { records } = await client.get<{ records: PartitionOffset[] }>(`${pathOf(topic)}/records`, {
    from: `@${at}`,
    partition,
    limit: 1,
    format: 'binary',
  });
  const first = records[0];
  return first && (() => BigInt(first.offset));
}

/** Where a reading begins and ends; without a partition in all of them. */
export interface Reading {
  readonly partition: number | undefined;
  readonly from: string;
  readonly until: string | undefined;
}

/**
 * Readings that together are what was asked for. One, where the service can tell by itself where each partition begins and ends; else one for each partition.
 */
export async function readingsOf(
  client: Client,
  topic: string,
  partition: number | undefined,
  from: Position,
  until: Position | undefined,
): Promise<readonly Reading[]> {
  const [begin, end] = [wireFrom(from), until && wireUntil(until)];
  if (begin !== undefined && (until === undefined || end !== undefined))
    return [{ partition, from: begin, until: end }];
  const begins = begin === undefined ? await offsetsAt(client, topic, from, partition) : undefined;
  const ends = until === undefined || end !== undefined ? undefined : await offsetsAt(client, topic, until, partition);
  return (begins ?? ends ?? []).map((one, at) => ({
    partition: one.partition,
    from: begin ?? begins![at]!.offset,
    until: end ?? ends?.[at]!.offset,
  }));
}

function wireFrom(asked: Position): string | undefined {
  return asked.kind === 'before-end' ? `-${asked.records}` : asked.kind === 'start' ? 'start' : wireUntil(asked);
}

function wireUntil(asked: Position): string | undefined {
  switch (asked.kind) {
    case 'end':
      return 'end';
    case 'offset':
      return String(asked.offset);
    case 'time':
      return `@${asked.at}`;
    case 'start':
    case 'after-start':
    case 'before-end':
      return undefined;
  }
}
