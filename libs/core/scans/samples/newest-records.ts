import type { Clock } from '#libs/core/kernel';
import type { Clusters, RecordCursor, RecordHeader } from '#libs/core/log';
import { addressHeader, INFERENCE_LIMITS, type AddressedPart } from '#libs/core/schema';
import { evenShares } from '../even-shares.js';
import { readRanges, type RecordFold } from '../read-ranges.js';
import { unread, type ScanRange, type ScanTrouble } from '../scan.js';

/** One part of a record, with what may name its schema. */
export interface NewestRecord {
  readonly offset: number;
  /** Null: the record has no such part. Undefined: it is longer than a sample may be, and was not kept. */
  readonly bytes: Uint8Array | null | undefined;
  readonly headers: readonly RecordHeader[];
}

/** The end of a partition, as far as it was looked at. */
export interface PartitionEnd {
  readonly range: ScanRange;
  /** Every record from here up to the end of the range is there. */
  readonly from: number;
  /** In the order of the log. */
  readonly records: readonly NewestRecord[];
  /** Why nothing below can be read. */
  readonly trouble: ScanTrouble | null;
}

export interface NewestRecords {
  /** One for each range, in their order. */
  readonly ends: readonly PartitionEnd[];
  /** Whether bytes ended it before there were as many records as were wanted. */
  readonly cutByBytes: boolean;
}

/** Bytes fetched, and bytes kept, for one answer. */
const FETCHED_BYTES = 64 * 1024 * 1024;
const KEPT_BYTES = 16 * 1024 * 1024;
/** What a record counts at least. */
const LEAST_BYTES = 64;
/** How much further back each look goes than the one before. */
const GROWTH = 8;

/**
 * The newest records of some ranges, evenly, so many in all. Offsets tell nothing of records where compaction took some or transactions have their markers between, so it looks back again, and further, until
 * there are enough. A stretch that was read in part is left out: what is kept reaches from one offset to the end.
 * @throws what trying again may help against.
 */
export async function newestRecords(
  ranges: readonly ScanRange[],
  wanted: number,
  part: AddressedPart,
  tools: { readonly clusters: Clusters; readonly clock: Clock },
  signal: AbortSignal,
): Promise<NewestRecords> {
  const looking = new LookingBack(ranges, wanted, part, tools, signal);
  const cutByBytes = !(await looking.isEnough());
  return { ends: looking.ends, cutByBytes };
}

interface OpenEnd extends PartitionEnd {
  from: number;
  records: readonly NewestRecord[];
  trouble: ScanTrouble | null;
}

class LookingBack {
  readonly ends: readonly OpenEnd[];
  readonly #room = { bytes: KEPT_BYTES };
  #fetchable = FETCHED_BYTES;
  /** Offsets looked at, and the records there were. */
  #looked = 0;
  #found = 0;

  constructor(
    ranges: readonly ScanRange[],
    private readonly wanted: number,
    private readonly part: AddressedPart,
    private readonly tools: { readonly clusters: Clusters; readonly clock: Clock },
    private readonly signal: AbortSignal,
  ) {
    this.ends = ranges.map((range): OpenEnd => ({ range, from: range.to, records: [], trouble: null }));
  }

  /** False where bytes ended it. The first look is at one offset of each range: how large records are is not known before. */
  async isEnough(): Promise<boolean> {
    for (let most = this.ends.length; ; most *= GROWTH) {
      const missing = this.#missing;
      const open = this.ends.filter(({ range, from, trouble }) => from > range.from && trouble === null);
      if (missing === 0 || open.length === 0) return true;
      const likely = Math.ceil((missing * Math.max(1, this.#looked)) / Math.max(1, this.#found));
      const affordable = Math.floor((this.#room.bytes * Math.max(1, this.#looked)) / Math.max(1, this.#kept));
      const offsets = Math.min(most, likely, affordable);
      if (offsets === 0 || !(await this.#look(open, offsets))) return false;
    }
  }

  get #missing(): number {
    return this.wanted - this.ends.reduce((sum, { records }) => sum + records.length, 0);
  }

  get #kept(): number {
    return KEPT_BYTES - this.#room.bytes;
  }

  /** @returns whether everything was read. */
  async #look(open: readonly OpenEnd[], offsets: number): Promise<boolean> {
    const sizes = open.map(({ range, from }) => from - range.from);
    const asked = evenShares(sizes, offsets).flatMap((share, i) => {
      const end = open[i]!;
      return share === 0 ? [] : [{ end, state: unread({ ...end.range, from: end.from - share, to: end.from }) }];
    });
    const fold = new PartFold(this.part, this.#room);
    const whole = await readRanges(
      asked.map(({ state }) => state),
      { ...this.tools, fold },
      {
        signal: this.signal,
        admit: async (_records, bytes) => (this.#fetchable -= bytes) >= 0 && fold.refused.size === 0,
        settled: async () => undefined,
      },
    );
    const read = asked.flatMap(({ end, state }, index) => {
      end.trouble = state.trouble;
      const { range, position } = state;
      const isRead = position >= range.to && !fold.refused.has(index);
      return isRead ? [{ end, range, records: fold.found.get(index) ?? [] }] : [];
    });
    const shares = evenShares(
      read.map(({ records }) => records.length),
      this.#missing,
    );
    for (const [i, { end, range, records }] of read.entries()) {
      this.#looked += range.to - range.from;
      this.#found += records.length;
      const kept = records.slice(records.length - shares[i]!);
      end.from = kept.length === records.length ? range.from : (kept[0]?.offset ?? end.from);
      end.records = [...kept, ...end.records];
    }
    return whole && fold.refused.size === 0;
  }
}

/** Keeps one part of each record, as long as there is room. */
class PartFold implements RecordFold {
  readonly isFull = false;
  readonly found = new Map<number, NewestRecord[]>();
  /** Ranges of which a record found no room. */
  readonly refused = new Set<number>();
  readonly #header: string;

  constructor(
    private readonly part: AddressedPart,
    private readonly room: { bytes: number },
  ) {
    this.#header = addressHeader(part);
  }

  take(index: number, record: RecordCursor): void {
    const isKey = this.part === 'key';
    const at = isKey ? record.keyAt : record.valueAt;
    const length = isKey ? record.keyLength : record.valueLength;
    const naming = record.headers().filter(({ key }) => key === this.#header);
    const size = length + naming.reduce((sum, { value }) => sum + (value?.length ?? 0), LEAST_BYTES);
    const isTooLong = size > INFERENCE_LIMITS.sampleLength;
    this.room.bytes -= isTooLong ? LEAST_BYTES : size;
    if (this.room.bytes < 0) {
      this.refused.add(index);
      return;
    }
    const bytes = length < 0 ? null : isTooLong ? undefined : own(record.bytes.subarray(at, at + length));
    const headers = isTooLong ? [] : naming.map(({ key, value }) => ({ key, value: value && own(value) }));
    const list = this.found.get(index) ?? [];
    this.found.set(index, list);
    list.push({ offset: record.offset, bytes, headers });
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }
}

/** Copied: a view would take its whole batch along. */
function own(view: Uint8Array): Uint8Array {
  return new Uint8Array(view);
}
