/** What a client knows of a record it sent: its place when it was acknowledged; otherwise it may be there or not. */
export interface Sent {
  readonly key: string;
  /** null: a tombstone. */
  readonly number: number | null;
  offset?: number;
}

/** A record found in the log, in the order of offsets. */
export interface Kept {
  readonly offset: number;
  readonly key: string;
  readonly number: number | null;
}

/**
 * What one writer sent to a partition of which records go by right. Compaction may take what was overwritten and tombstones, and nothing else; retention and deletions take beginnings. What stays is as it was
 * sent, where it was acknowledged.
 */
export class ThinnedHistory {
  readonly #sent: Sent[] = [];

  /** To be called before it is sent; the place is filled in when it is acknowledged. */
  note(key: string, number: number | null): Sent {
    const sent: Sent = { key, number };
    this.#sent.push(sent);
    return sent;
  }

  get acknowledged(): number {
    return this.#sent.filter((one) => one.offset !== undefined).length;
  }

  /** Everything in which a compacted partition contradicts the writer. Empty when all is well. */
  ofCompacted(found: readonly Kept[]): string[] {
    const problems = this.#misplaced(found);
    for (const key of new Set(this.#sent.map((one) => one.key))) {
      const sent = this.#sent.filter((one) => one.key === key);
      const newest = sent.findLastIndex((one) => one.offset !== undefined);
      if (newest < 0) continue;
      const last = found.findLast((one) => one.key === key);
      // What came behind the newest acknowledged one may be there or not.
      const possible = sent.slice(newest);
      if (last === undefined) {
        if (!possible.some((one) => one.number === null)) problems.push(`lost: ${nameOf(sent[newest]!)}`);
      } else if (!possible.some((one) => isThis(one, last))) {
        problems.push(`older than what was acknowledged: ${nameOf(last)}, not ${nameOf(sent[newest]!)}`);
      }
    }
    return problems;
  }

  /** The same of a partition that begins at an offset, since what lay before was dropped or deleted: from there on all is there. */
  ofBeginningAt(startOffset: number, found: readonly Kept[]): string[] {
    const problems = this.#misplaced(found);
    const there = new Set(found.map((one) => one.offset));
    for (const one of this.#sent) {
      if (one.offset !== undefined && one.offset >= startOffset && !there.has(one.offset)) {
        problems.push(`lost: ${nameOf(one)}`);
      }
    }
    for (const one of found) if (one.offset < startOffset) problems.push(`was to be gone: ${nameOf(one)}`);
    return problems;
  }

  #misplaced(found: readonly Kept[]): string[] {
    const problems: string[] = [];
    const byOffset = new Map(this.#sent.map((one) => [one.offset, one]));
    const unknown = new Set(this.#sent.filter((one) => one.offset === undefined));
    let before = -1;
    for (const one of found) {
      if (one.offset <= before) problems.push(`out of order: ${nameOf(one)} behind ${before}`);
      before = one.offset;
      const acknowledged = byOffset.get(one.offset);
      if (acknowledged !== undefined) {
        if (acknowledged.key !== one.key || acknowledged.number !== one.number) {
          problems.push(`in the place of ${nameOf(acknowledged)}: ${nameOf(one)}`);
        }
        continue;
      }
      const maybe = [...unknown].find((each) => each.key === one.key && each.number === one.number);
      if (maybe === undefined) problems.push(`never sent, or there twice: ${nameOf(one)}`);
      else unknown.delete(maybe);
    }
    return problems;
  }
}

function isThis(sent: Sent, found: Kept): boolean {
  return sent.offset === undefined ? sent.number === found.number : sent.offset === found.offset;
}

function nameOf({ key, number, offset }: Sent | Kept): string {
  return `${key}#${number ?? 'tombstone'} at ${offset ?? 'an unknown place'}`;
}
