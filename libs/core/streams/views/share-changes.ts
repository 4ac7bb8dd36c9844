import { AppError } from '#libs/core/kernel';
import type { CellValue } from './column-type.js';
import type { MappedRecord } from './fold.js';
import type { Share } from './group-arithmetic.js';
import { groupIdentity, Groups, isBetter, type GroupShare } from './group-changes.js';
import { mark, newerRecords, type Newer, type NewestContext } from './newest.js';
import { shareOrder, VERSION_CELLS, versionCells } from './row-version.js';
import { referenceCell, referenceTable, sharedOrigins, shareLayout, stateTable } from './table-shapes.js';
import type { TableChanges } from './table-changes.js';
import { aggregatesOf, fieldsOf, type ViewDefinition } from './view-definition.js';
import type { StoredRows, TableRow } from './view-tables.js';

/** Shares that are read at once when a reference row has changed. */
const PAGE = 500;
/** Shares that may change in one step: they are in memory together, a kilobyte each, since rows and position are stored together. */
const MOST_SHARES = 1_000_000;

/** What a record says of its share, before reference rows are looked at. */
interface OwnShare {
  readonly version: readonly CellValue[];
  readonly own: readonly CellValue[];
  readonly refers: readonly CellValue[];
  /** Among the records of all topics. */
  readonly order: string;
}

/**
 * Groups of a topic's present rows. Beside each group stands what every row has counted for in it, so that a row that changes, ends or refers to something that has changed is taken back as what it was, and the groups are those of the
 * present rows whatever came first.
 */
export class ShareChanges {
  readonly #groups: Groups;
  readonly #layout;
  readonly #joined = new Map<string, readonly CellValue[] | null>();

  constructor(
    private readonly view: ViewDefinition,
    private readonly stored: StoredRows,
    private readonly changes: TableChanges,
    private readonly most = MOST_SHARES,
  ) {
    this.#groups = new Groups(view);
    this.#layout = shareLayout(view);
  }

  /** Records of a main topic. */
  async records(context: NewestContext, records: readonly MappedRecord[]): Promise<void> {
    const newer = await newerRecords(context, records);
    const puts = newer.map(({ records: all }) => all.at(-1)!).filter((record) => record.kind === 'put');
    await this.#loadReferences(puts.map((record) => record.refers));
    const next = new Map(
      puts.map((record) => {
        const { identity, version, cells, refers } = record;
        const order = shareOrder(this.view, context.source, version);
        return [identity, { version: versionCells(version), own: cells, refers, order }];
      }),
    );
    for (const one of newer) mark(context, one, one.records.at(-1)!.kind === 'put');
    await this.#replace(newer.map(({ identity, stored }) => ({ identity, stored, own: next.get(identity) })));
  }

  /** Rows of a reference topic: whatever refers to them is looked at again. `newer` are already among the changes. @throws `too-many-references` */
  async references(join: number, newer: readonly Newer[]): Promise<void> {
    const decides = sharedOrigins(this.view).some(
      ({ origin }) => origin?.from === 'join' && origin.join === this.view.joins[join]!.as,
    );
    if (!decides) return;
    let touchedRows = 0;
    for (const { identity } of newer) {
      for (let after: string | undefined; ;) {
        const page = await this.stored.find({
          table: stateTable(this.view),
          column: this.#layout.joins + join,
          equals: identity,
          ...(after === undefined ? {} : { after }),
          limit: PAGE,
        });
        touchedRows += page.length;
        if (touchedRows > this.most) throw tooManyReferences(this.view, join, identity, this.most);
        const touched = page.map((row) => ({ row, own: this.#ownOf(row.cells) }));
        await this.#loadReferences(touched.map(({ own }) => own.refers));
        await this.#replace(touched.map(({ row, own }) => ({ identity: row.identity, stored: row.cells, own })));
        after = page.at(-1)?.identity;
        if (page.length < PAGE) break;
      }
    }
  }

  /** Rows whose own part was computed anew, or that have none any more: what is stored for them is taken back, and counts as it does now. */
  async again(identities: readonly string[], fresh: ReadonlyMap<string, readonly CellValue[]>): Promise<void> {
    const stored = await this.stored.rows(stateTable(this.view), identities);
    const rows = identities.map((identity) => {
      const cells = fresh.get(identity);
      return { identity, stored: stored.get(identity), own: cells === undefined ? undefined : this.#ownOf(cells) };
    });
    await this.#loadReferences(rows.flatMap(({ own }) => (own === undefined ? [] : [own.refers])));
    await this.#replace(rows);
  }

  /** Writes the groups. Once, after everything else. */
  async store(): Promise<void> {
    await this.#groups.store(this.changes, (group, aggregate) => this.#find(group, aggregate));
  }

  /** Each row once in a step: it is the row of one key, and refers to one row of each reference topic. */
  async #replace(
    rows: readonly {
      readonly identity: string;
      readonly stored: readonly CellValue[] | undefined;
      readonly own: OwnShare | undefined;
    }[],
  ): Promise<void> {
    const table = stateTable(this.view);
    const steps = rows.map(({ identity, stored, own }) => {
      return { identity, before: stored && this.#shareIn(stored), own, after: own && this.#share(own) };
    });
    const groups = steps.flatMap(({ before, after }) => [before?.group, after?.group]);
    await this.#groups.load(
      this.stored,
      groups.filter((group) => group !== undefined),
    );
    for (const { identity, before, own, after } of steps) {
      if (before !== undefined) this.#groups.takeBack(before);
      if (own === undefined || after === undefined) {
        this.changes.delete(table, identity);
        continue;
      }
      this.#groups.add(after);
      const { version, own: values, refers } = own;
      this.changes.put(table, identity, [...version, ...values, ...refers, after.group, after.order, ...after.inputs]);
    }
  }

  #ownOf(cells: readonly CellValue[]): OwnShare {
    const { own, joins, group, order } = this.#layout;
    return {
      version: cells.slice(0, VERSION_CELLS),
      own: cells.slice(own, joins),
      refers: cells.slice(joins, group),
      order: String(cells[order]),
    };
  }

  #shareIn(cells: readonly CellValue[]): Pick<GroupShare, 'group' | 'inputs' | 'order'> {
    const { group, order, inputs } = this.#layout;
    return { group: String(cells[group]), order: String(cells[order]), inputs: cells.slice(inputs) };
  }

  #share({ own, refers, order }: OwnShare): GroupShare {
    const width = fieldsOf(this.view).length;
    const cells = sharedOrigins(this.view).map(({ origin }, index): CellValue => {
      if (origin?.from !== 'join') return own[index]!;
      const join = this.view.joins.findIndex((one) => one.as === origin.join);
      return this.#joined.get(referenceKey(join, refers[join]))?.[referenceCell(this.view, origin)] ?? null;
    });
    const key = cells.slice(0, width);
    return { group: groupIdentity(key), key, refers, inputs: cells.slice(width), order };
  }

  /** Reads the reference rows that are referred to, as they will be after this step. */
  async #loadReferences(all: readonly (readonly CellValue[])[]): Promise<void> {
    for (const [join] of this.view.joins.entries()) {
      const table = referenceTable(join);
      const wanted = new Set<string>();
      for (const refers of all) {
        const identity = refers[join];
        if (identity === null || identity === undefined || this.#joined.has(referenceKey(join, identity))) continue;
        const pending = this.changes.get(table, String(identity));
        if (pending === undefined) wanted.add(String(identity));
        else this.#joined.set(referenceKey(join, identity), pending);
      }
      if (wanted.size === 0) continue;
      const rows = await this.stored.rows(table, [...wanted]);
      for (const identity of wanted) this.#joined.set(referenceKey(join, identity), rows.get(identity) ?? null);
    }
  }

  /** The share that counts in a group now, among those stored and those that this step changes. */
  async #find(group: string, aggregate: number): Promise<Share | undefined> {
    const column = aggregatesOf(this.view)[aggregate]!;
    const { group: groupCell, order, inputs } = this.#layout;
    const table = stateTable(this.view);
    let best: Share | undefined;
    const consider = (cells: readonly CellValue[]): void => {
      const share = { input: cells[inputs + aggregate]!, order: String(cells[order]) };
      if (share.input !== null && (best === undefined || isBetter(column, share, best))) best = share;
    };
    for (const [, cells] of this.changes.entries(table))
      if (cells !== null && cells[groupCell] === group) consider(cells);
    const isLatest = column.aggregate === 'latest';
    for (let limit = 8; ; limit *= 8) {
      const found = await this.stored.find({
        table,
        column: groupCell,
        equals: group,
        by: isLatest ? order : inputs + aggregate,
        descending: column.aggregate !== 'min',
        limit,
      });
      const counts = (row: TableRow): boolean =>
        this.changes.get(table, row.identity) === undefined && row.cells[inputs + aggregate] !== null;
      const first = found.find(counts);
      if (first !== undefined) consider(first.cells);
      if (first !== undefined || found.length < limit) return best;
    }
  }
}

const referenceKey = (join: number, identity: CellValue | undefined): string => `${join}:${identity ?? ''}`;

/** @param key the row whose references were too many, with those of rows before it */
function tooManyReferences({ joins }: ViewDefinition, join: number, key: string, most: number): AppError {
  const { as, topic } = joins[join]!;
  return new AppError({
    kind: 'too-large',
    code: 'too-many-references',
    message: `More than ${most} rows refer by '${as}' to rows of '${topic}' that have changed: what they count for cannot be changed in one step.`,
    hint: 'Group by the field itself and show what it refers to as a column, which is joined when the view is asked.',
    details: { topic, key, limit: most },
  });
}
