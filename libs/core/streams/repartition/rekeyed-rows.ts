/** Where the present record of a row lies. */
export interface RowPlace {
  readonly partition: number;
  readonly offset: number;
  /** It lies on the other side of a repartition that is being undone: there the row was before the switch. */
  readonly isElsewhere?: boolean;
}

/** A row of a table: the key it has got, and its present record. Keys are bytes as `latin1` text, which map keys can be. It is what it is now: later calls change it. */
export interface Row {
  readonly key: string;
  readonly newKey: string;
  readonly place: RowPlace;
  /** For whoever lists changes: where the last one of the row is in the list, −1 for nowhere. */
  changedAt: number;
}

/**
 * The rows of a table by their present key, and which of them have got which new key. Several may have one: then the row shown under it is the one that was written last, and when that leaves, the one
 * before. Every call takes the same time, however many rows have one new key. Memory: a few hundred bytes a row.
 */
export class RekeyedRows {
  readonly #rows = new Map<string, KeptRow>();
  readonly #newKeys = new Map<string, NewKey>();
  #shared = 0;

  /** Rows there are. */
  get size(): number {
    return this.#rows.size;
  }

  /** New keys that several rows have. */
  get shared(): number {
    return this.#shared;
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** The row that is shown under a new key. */
  shownAs(newKey: string): string | undefined {
    return this.#newKeys.get(newKey)?.newest?.key;
  }

  /** All rows, by present key. */
  entries(): IterableIterator<[string, Row]> {
    return this.#rows.entries();
  }

  /** All new keys. */
  newKeys(): IterableIterator<string> {
    return this.#newKeys.keys();
  }

  /** A row was written: it is the newest of those with its new key. @param present the row as {@link get} answered it */
  put(key: string, newKey: string, place: RowPlace, present = this.get(key)): Row {
    const row = present as KeptRow | undefined;
    if (row === undefined) {
      const added = new KeptRow(key, this.#newKey(newKey), place);
      this.#rows.set(key, added);
      this.#join(added);
      return added;
    }
    row.place = place;
    if (row.newKey !== newKey) {
      this.#leave(row);
      row.owned = this.#newKey(newKey);
      this.#join(row);
    } else if (row.newer !== undefined) {
      unlink(row);
      link(row);
    }
    return row;
  }

  /** A row is gone. */
  remove(key: string): void {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    this.#rows.delete(key);
    this.#leave(row);
  }

  clear(): void {
    this.#rows.clear();
    this.#newKeys.clear();
    this.#shared = 0;
  }

  #newKey(name: string): NewKey {
    return this.#newKeys.get(name) ?? new NewKey(name);
  }

  #join(row: KeptRow): void {
    const { owned } = row;
    if (owned.rows === 0) this.#newKeys.set(owned.name, owned);
    if (owned.rows === 1) this.#shared++;
    owned.rows++;
    link(row);
  }

  #leave(row: KeptRow): void {
    const { owned } = row;
    unlink(row);
    owned.rows--;
    if (owned.rows === 1) this.#shared--;
    if (owned.rows === 0) this.#newKeys.delete(owned.name);
  }
}

/** A new key with its rows, in the order in which they were written. */
class NewKey {
  rows = 0;
  /** Undefined while there are none. */
  newest: KeptRow | undefined = undefined;

  constructor(readonly name: string) {}
}

class KeptRow implements Row {
  older: KeptRow | undefined = undefined;
  newer: KeptRow | undefined = undefined;
  changedAt = -1;

  constructor(
    readonly key: string,
    public owned: NewKey,
    public place: RowPlace,
  ) {}

  get newKey(): string {
    return this.owned.name;
  }
}

/** Makes the row the newest of its new key. */
function link(row: KeptRow): void {
  const { owned } = row;
  row.older = owned.newest;
  if (row.older !== undefined) row.older.newer = row;
  owned.newest = row;
}

function unlink(row: KeptRow): void {
  const { older, newer, owned } = row;
  if (older !== undefined) older.newer = newer;
  if (newer === undefined) owned.newest = older;
  else newer.older = older;
  row.older = row.newer = undefined;
}
