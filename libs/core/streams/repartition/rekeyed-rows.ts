/** Where the present record of a row lies. */
export interface RowPlace {
  readonly partition: number;
  readonly offset: number;
  /** It lies on the other side of a repartition that is being undone: there the row was before the switch. */
  readonly isElsewhere?: boolean;
}

/** A row of a table: the key it has got, and its present record. Keys are bytes as `latin1` text, which map keys can be. */
export interface Row {
  readonly newKey: string;
  readonly place: RowPlace;
}

/**
 * The rows of a table by their present key, and which of them have got which new key. Several may have one: then the row shown under it is the one that was written last, and when that leaves, the one
 * before. Memory: a few hundred bytes a row.
 */
export class RekeyedRows {
  readonly #rows = new Map<string, Row>();
  /** For each new key its row; where there are several, all of them, the newest last. */
  readonly #owners = new Map<string, string | Set<string>>();
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
    const owners = this.#owners.get(newKey);
    if (owners === undefined || typeof owners === 'string') return owners;
    let newest: string | undefined;
    for (const one of owners) newest = one;
    return newest;
  }

  /** All rows, by present key. */
  entries(): IterableIterator<[string, Row]> {
    return this.#rows.entries();
  }

  /** All new keys. */
  newKeys(): IterableIterator<string> {
    return this.#owners.keys();
  }

  /** A row was written: it is the newest of those with its new key. */
  put(key: string, row: Row): void {
    this.remove(key);
    this.#rows.set(key, row);
    const owners = this.#owners.get(row.newKey);
    if (owners === undefined) this.#owners.set(row.newKey, key);
    else if (typeof owners === 'string') {
      this.#owners.set(row.newKey, new Set([owners, key]));
      this.#shared++;
    } else owners.add(key);
  }

  /** A row is gone. */
  remove(key: string): void {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    this.#rows.delete(key);
    const owners = this.#owners.get(row.newKey);
    if (owners === undefined || typeof owners === 'string') {
      this.#owners.delete(row.newKey);
      return;
    }
    owners.delete(key);
    if (owners.size > 1) return;
    this.#shared--;
    for (const last of owners) this.#owners.set(row.newKey, last);
  }

  clear(): void {
    this.#rows.clear();
    this.#owners.clear();
    this.#shared = 0;
  }
}
