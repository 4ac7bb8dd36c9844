import { Breath, type Clock, type JsonObject } from '#libs/core/kernel';
import type { ScanState } from './scan.js';

/** What a scan has found in one of its ranges so far. */
export interface ScanPart extends ScanState {
  /** Place of the range among those of the scan. */
  readonly index: number;
  /** Of the records below the position. */
  readonly summary: JsonObject;
}

/**
 * What scans have found, range by range. Each part is a true statement by itself (what lies below the position), so whoever goes on with a scan needs nothing else.
 * Everything saved is durable when the promise resolves, and seen by every instance.
 */
export abstract class ScanStore {
  /**
   * Keeps the parts, each in the place of what was known of its range. A part that is behind what is kept is passed over: it comes from a worker that was replaced.
   */
  abstract save(scan: string, parts: readonly ScanPart[]): Promise<void>;
  /** Parts by their index, those above `after`, `limit` at most. Ranges of which nothing was saved are left out. */
  abstract parts(scan: string, after: number, limit: number): Promise<readonly ScanPart[]>;
  /** Forgets the scan. Harmless to repeat, and after it was cut short. */
  abstract drop(scan: string): Promise<void>;
  /** The first scan behind this id of which something is kept; ids go up with the time of their start. @param scan the empty text: the very first. */
  abstract next(scan: string): Promise<string | undefined>;
}

/** Parts read at once; each may tell thousands of names apart. */
const PAGE = 20;

/** All parts of a scan, page by page, letting others go on between. */
export async function* partsOf(store: ScanStore, scan: string, clock: Clock): AsyncGenerator<ScanPart, void> {
  const breath = new Breath(clock);
  for (let after = -1; ;) {
    const page = await store.parts(scan, after, PAGE);
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)!.index;
    await breath.take();
  }
}
