import { DigestSum, type RecordCursor, type RecordRanges } from '#libs/core/log';
import { keyName } from '../copy/parked-records.js';
import type { Mismatch } from '../verify/mismatch.js';

/** Where a record lies. */
export interface RecordAt {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Two tables, the one that is expected and the one that is found, compared by new key and digest. Takes in records of either side in any order of partitions, and afterwards looks at the keys that changed since it looked last alone. Memory: a few hundred bytes
 * a row, on either side.
 */
export class TableComparison {
  readonly #rows = new Map<string, ExpectedRow>();
  readonly #keys = new Map<string, ComparedKey>();
  /** Keys that changed since they were looked at. */
  #changed: ComparedKey[] = [];
  readonly #differing = new Set<ComparedKey>();
  readonly #shared = new Set<ComparedKey>();

  /** The record of a row that is expected from now on, by its present key, under its new one. */
  expect(key: Uint8Array, newKey: Uint8Array, record: RecordRanges, at: RecordAt): void {
    const name = keyName(key);
    const digest = new DigestSum().addUnderKey(0, 0, record, newKey);
    const compared = this.#keyOf(keyName(newKey));
    const row = this.#rows.get(name);
    if (row === undefined) {
      const added = new ExpectedRow(compared, digest, at);
      this.#rows.set(name, added);
      this.#join(added);
    } else {
      row.digest = digest;
      row.at = at;
      if (row.newKey === compared) return;
      this.#leave(row);
      row.newKey = compared;
      this.#join(row);
    }
  }

  /** A row is no longer expected, if it was. */
  expectGone(key: Uint8Array): void {
    const name = keyName(key);
    const row = this.#rows.get(name);
    if (row === undefined) return;
    this.#rows.delete(name);
    this.#change(row.newKey);
    this.#leave(row);
  }

  /** The record that is found under its key from now on, a tombstone for none. One without a key is no row. */
  find(record: RecordCursor, partition: number): void {
    const { bytes, keyAt, keyLength, valueLength, offset } = record;
    if (keyLength < 0) return;
    const compared = this.#keyOf(keyName(bytes.subarray(keyAt, keyAt + keyLength)));
    const isThere = valueLength >= 0;
    compared.found = isThere ? new DigestSum().addInPlace(0, 0, record) : undefined;
    compared.foundAt = isThere ? { partition, offset } : undefined;
  }

  /** What differs as of now, at most so many. */
  mismatches(most: number): Mismatch[] {
    for (const compared of this.#changed) {
      compared.isChanged = false;
      if (agrees(compared)) this.#differing.delete(compared);
      else this.#differing.add(compared);
      if (compared.rows === 0 && compared.found === undefined) this.#keys.delete(compared.name);
    }
    this.#changed = [];
    const found: Mismatch[] = [];
    for (const compared of this.#differing) {
      if (found.length === most) break;
      found.push(mismatchOf(compared));
    }
    return found;
  }

  /** New keys that several rows have, and two rows of one of them; undefined where there are none. */
  get shared(): { readonly keys: number; readonly one: RecordAt; readonly other: RecordAt } | undefined {
    const [first] = this.#shared;
    const one = first?.first;
    const other = one?.next;
    if (one === undefined || other === undefined) return undefined;
    return { keys: this.#shared.size, one: one.at, other: other.at };
  }

  /** The key is one to be looked at from now on. */
  #keyOf(name: string): ComparedKey {
    let compared = this.#keys.get(name);
    if (compared === undefined) this.#keys.set(name, (compared = new ComparedKey(name)));
    this.#change(compared);
    return compared;
  }

  #change(compared: ComparedKey): void {
    if (compared.isChanged) return;
    compared.isChanged = true;
    this.#changed.push(compared);
  }

  #join(row: ExpectedRow): void {
    const { newKey } = row;
    row.next = newKey.first;
    if (row.next !== undefined) row.next.before = row;
    newKey.first = row;
    if (++newKey.rows === 2) this.#shared.add(newKey);
  }

  #leave(row: ExpectedRow): void {
    const { newKey, before, next } = row;
    this.#change(newKey);
    row.before = row.next = undefined;
    if (before === undefined) newKey.first = next;
    else before.next = next;
    if (next !== undefined) next.before = before;
    if (--newKey.rows === 1) this.#shared.delete(newKey);
  }
}

/** A new key on either side. */
class ComparedKey {
  /** Rows that are expected under it, one behind another. */
  first: ExpectedRow | undefined = undefined;
  rows = 0;
  found: DigestSum | undefined = undefined;
  foundAt: RecordAt | undefined = undefined;
  isChanged = false;

  constructor(readonly name: string) {}
}

class ExpectedRow {
  before: ExpectedRow | undefined = undefined;
  next: ExpectedRow | undefined = undefined;

  constructor(
    public newKey: ComparedKey,
    public digest: DigestSum,
    public at: RecordAt,
  ) {}
}

/** Of several rows with one new key any may be shown: which one is the newest is a matter of the merge, whose order the map tells. */
function agrees({ first, found }: ComparedKey): boolean {
  if (found === undefined) return first === undefined;
  for (let row = first; row !== undefined; row = row.next) if (row.digest.equals(found)) return true;
  return false;
}

function mismatchOf({ first, found, foundAt }: ComparedKey): Mismatch {
  const where = {
    ...{ source: first?.at.partition ?? -1, sourceOffset: first?.at.offset ?? -1 },
    ...{ target: foundAt?.partition ?? -1, targetOffset: foundAt?.offset ?? -1 },
  };
  if (first === undefined) return { kind: 'unclaimed', ...where, detail: 'no row of the source has this key' };
  if (found === undefined) return { kind: 'missing', ...where, detail: 'the row is not in the target' };
  return { kind: 'different', ...where, detail: 'the row is not the one that the source has' };
}
