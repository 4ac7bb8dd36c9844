import type { LogEngine } from '#libs/core/log';
import { PartitionCursor } from '../partition-cursor.js';
import { CHANGE_HEADER, headerText, NUMBER_HEADER, sourceHeaders, VALID_FROM_HEADER } from './derived-headers.js';
import { stateDigest } from './state-order.js';
import { keyText } from './folded-topic.js';

/** One generation of a derived topic, up to an offset in each partition. */
export interface DerivedExtent {
  readonly topic: string;
  readonly ends: readonly number[];
}

/** How two generations of a derived topic compare. */
export interface DerivedComparison {
  /** Keys that are in either. */
  readonly keys: number;
  /** Keys whose states are not the same, the first of them by name. */
  readonly different: number;
  readonly examples: readonly string[];
}

const EXAMPLES = 20;

/**
 * Compares two generations key by key. Of a latest stream the last state counts, a key that has ended is as good as none: compaction may have removed either.
 * Of a versioned one every state does, its number and time included.
 */
export async function compareDerived(
  engine: LogEngine,
  kind: 'latest' | 'versioned',
  [one, other]: readonly [DerivedExtent, DerivedExtent],
  signal: AbortSignal,
): Promise<DerivedComparison> {
  const [a, b] = [await statesOf(engine, kind, one, signal), await statesOf(engine, kind, other, signal)];
  const keys = new Set([...a.keys(), ...b.keys()]);
  const different = [...keys].filter((key) => a.get(key) !== b.get(key));
  return { keys: keys.size, different: different.length, examples: different.sort().slice(0, EXAMPLES) };
}

async function statesOf(
  engine: LogEngine,
  kind: 'latest' | 'versioned',
  { topic, ends }: DerivedExtent,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const states = new Map<string, string>();
  for (const { partition, startOffset } of (await engine.describeTopic(topic)).partitions) {
    const records = new PartitionCursor(engine, topic, partition, startOffset);
    for (let record = await records.peek(); record !== undefined; record = await records.peek()) {
      signal.throwIfAborted();
      if (record.offset >= (ends[partition] ?? 0)) break;
      if (record.key !== null) {
        const key = keyText(record.key);
        const digest = stateDigest({ ...record, headers: sourceHeaders(record.headers) });
        if (kind === 'versioned') {
          const told = [NUMBER_HEADER, CHANGE_HEADER, VALID_FROM_HEADER].map((name) =>
            headerText(record!.headers, name),
          );
          states.set(key, `${states.get(key) ?? ''}${told.join(' ')} ${digest}\n`);
        } else if (digest === null) states.delete(key);
        else states.set(key, digest);
      }
      records.take();
    }
  }
  return states;
}
