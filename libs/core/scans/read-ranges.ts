import { Breath, type Clock } from '#libs/core/kernel';
import {
  batchesIn,
  FetchMemory,
  RecordCursor,
  type Clusters,
  type FetchedPartition,
  type LogEngine,
} from '#libs/core/log';
import { isOpen, troubleOf, type ScannedRange } from './scan.js';

/** What becomes of the records of a scan. */
export interface RecordFold {
  /** Takes a record of the range at this place in, whose bytes last until {@link settle}. Quick: whoever else waits for the thread waits for this. */
  take(index: number, record: RecordCursor): void;
  /** Whether {@link settle} should be called before more is taken in. */
  readonly isFull: boolean;
  /** Resolves when everything taken is in the summaries. */
  settle(): Promise<void>;
}

/** Who directs the reading. */
export interface ScanControl {
  readonly signal: AbortSignal;
  /** Bytes fetched at a time; 256 KiB unless given. */
  readonly fetchBytes?: number | undefined;
  /** Called with what has been fetched, before it is taken in. False: it is left, and the reading ends. */
  admit(records: number, bytes: number): Promise<boolean>;
  /** Called between steps, when every position and summary says the same. */
  settled(): Promise<void>;
}

/** Ranges asked for at once. */
const AT_ONCE = 64;
/** So much is checked in one go; the log reads ahead of who asks for little. */
const FETCH_BYTES = 256 * 1024;
/** Records between two looks at the clock. */
const LOOK_EVERY = 64;
/** Times that a log may answer nothing although its end says that there is something, and the wait for each. */
const SILENCES = 5;
const SILENCE_MS = 500;

/**
 * Reads ranges to their ends, in their order, and moves their positions; a record is taken in once, and when `settled` is called everything below each position
 * is in the summaries. What cannot be read for good (damage, a topic that is gone) becomes the trouble of its range; what retention took meanwhile is counted and passed over.
 * @returns false when `admit` ended it.
 * @throws what trying again may help against.
 */
export async function readRanges(
  ranges: readonly ScannedRange[],
  tools: { readonly clusters: Clusters; readonly clock: Clock; readonly fold: RecordFold },
  control: ScanControl,
): Promise<boolean> {
  const reader = new RangeReader(tools.clock, tools.fold, control);
  const open = [...ranges.entries()].filter(([, one]) => isOpen(one));
  for (let at = 0; at < open.length;) {
    const { cluster } = open[at]![1].range;
    let end = at;
    while (end < open.length && end - at < AT_ONCE && open[end]![1].range.cluster === cluster) end++;
    const done = await reader.read(tools.clusters.get(cluster), open.slice(at, end));
    if (!done) return false;
    at = end;
  }
  return true;
}

type Numbered = readonly [index: number, range: ScannedRange];

class RangeReader {
  readonly #breath: Breath;
  /** Everything is in the summaries before the next fetch. */
  readonly #memory = new FetchMemory();
  #taken = 0;

  constructor(
    clock: Clock,
    private readonly fold: RecordFold,
    private readonly control: ScanControl,
  ) {
    this.#breath = new Breath(clock);
  }

  async read(log: LogEngine, ranges: readonly Numbered[]): Promise<boolean> {
    await identify(log, ranges);
    for (let silences = 0; ;) {
      const open = ranges.filter(([, range]) => isOpen(range));
      if (open.length === 0) return true;
      this.control.signal.throwIfAborted();
      const fetched = await log.fetch({
        positions: open.map(([, { range, position }]) => {
          return { topic: range.topic, partition: range.partition, offset: position };
        }),
        maxBytes: this.control.fetchBytes ?? FETCH_BYTES,
        ...(silences > 0 ? { maxWaitMs: SILENCE_MS } : {}),
        memory: this.#memory,
        signal: this.control.signal,
      });
      const bytes = fetched.flatMap((one) => one.batches).reduce((sum, batch) => sum + batch.length, 0);
      if (!(await this.control.admit(recordsIn(fetched), bytes))) return false;
      let moved = false;
      for (const [at, one] of fetched.entries()) moved = (await this.#take(open[at]!, one)) || moved;
      silences = moved ? 0 : silences + 1;
      if (silences > SILENCES) {
        open[0]![1].trouble = {
          code: 'nothing-to-read',
          message: 'The log gives no records although its end says that there are some.',
        };
      }
      await this.control.settled();
      await this.#breathe();
    }
  }

  /** @returns whether anything moved. */
  async #take([index, range]: Numbered, fetched: FetchedPartition): Promise<boolean> {
    const { position } = range;
    const { to } = range.range;
    if (fetched.error !== undefined) {
      const isGone = fetched.error.code === 'offset-out-of-range' && fetched.startOffset > position;
      if (isGone) {
        range.position = Math.min(fetched.startOffset, to);
        range.gone += range.position - position;
      } else range.trouble = troubleOf(fetched.error);
      return true;
    }
    try {
      for (const bytes of fetched.batches) {
        for (const { header, bytes: batch } of batchesIn(bytes)) {
          if (header.control || header.lastOffset < position || header.baseOffset >= to) continue;
          await this.#records(index, new RecordCursor(header, batch), position, to);
          range.position = Math.min(to, header.lastOffset + 1);
        }
      }
    } catch (error) {
      this.control.signal.throwIfAborted();
      range.trouble = troubleOf(error);
      await this.fold.settle();
      return true;
    }
    await this.fold.settle();
    range.position = Math.min(to, Math.max(position, fetched.nextOffset));
    return range.position > position;
  }

  async #records(index: number, cursor: RecordCursor, from: number, to: number): Promise<void> {
    while (cursor.next()) {
      if (cursor.offset < from || cursor.offset >= to) continue;
      this.fold.take(index, cursor);
      if (this.fold.isFull) await this.fold.settle();
      if (++this.#taken % LOOK_EVERY === 0) await this.#breathe();
    }
  }

  async #breathe(): Promise<void> {
    await this.#breath.take();
    this.control.signal.throwIfAborted();
  }
}

/** A topic that was deleted, or made anew under its name, has nothing left of what the range means. */
async function identify(log: LogEngine, ranges: readonly Numbered[]): Promise<void> {
  const ids = new Map<string, string | null>();
  for (const [, one] of ranges) {
    const { topic, topicId } = one.range;
    if (!ids.has(topic)) ids.set(topic, await idOf(log, topic));
    if (ids.get(topic) !== topicId) {
      one.trouble = { code: 'topic-gone', message: `Topic '${topic}' was deleted or made anew since the scan began.` };
    }
  }
}

async function idOf(log: LogEngine, topic: string): Promise<string | null> {
  try {
    return (await log.describeTopic(topic)).id;
  } catch (error) {
    return troubleOf(error).code === 'topic-not-found' ? null : raise(error);
  }
}

function raise(error: unknown): never {
  throw error;
}

function recordsIn(fetched: readonly FetchedPartition[]): number {
  let records = 0;
  for (const { batches } of fetched) {
    for (const bytes of batches) for (const { header } of batchesIn(bytes)) records += header.recordCount;
  }
  return records;
}
