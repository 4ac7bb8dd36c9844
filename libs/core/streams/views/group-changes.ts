import type { CellValue } from './column-type.js';
import type { MappedRecord } from './fold.js';
import {
  EMPTY_PART,
  isLess,
  partCells,
  partIn,
  withoutShare,
  withShare,
  type GroupPart,
  type Share,
} from './group-arithmetic.js';
import { shareOrder } from './row-version.js';
import type { NewestContext } from './newest.js';
import { rowLayout, ROWS } from './table-shapes.js';
import type { TableChanges } from './table-changes.js';
import { aggregatesOf, fieldsOf, type AggregateColumn, type ViewDefinition } from './view-definition.js';
import type { StoredRows } from './view-tables.js';

/** What one record adds to its group. */
export interface GroupShare {
  readonly group: string;
  readonly key: readonly CellValue[];
  /** What it refers to, one for each join. */
  readonly refers: readonly CellValue[];
  /** One for each aggregate. */
  readonly inputs: readonly CellValue[];
  readonly order: string;
}

interface Group {
  readonly key: readonly CellValue[];
  readonly refers: readonly CellValue[];
  count: number;
  parts: readonly GroupPart[];
}

/** Looks among the shares that a group has for the one that counts, once another is gone. Undefined when there is none with a value. */
export type FindShare = (group: string, aggregate: number) => Promise<Share | undefined>;

/** Text that is the same for the same cells, and for no others. */
export function groupIdentity(key: readonly CellValue[]): string {
  return JSON.stringify(key.map((cell) => (typeof cell === 'bigint' ? `${cell}n` : cell)));
}

/** Groups while shares are added and taken back. */
export class Groups {
  readonly #columns: readonly AggregateColumn[];
  readonly #groups = new Map<string, Group>();
  /** By join: whether what a record refers to is part of the key, and so the same in all of the group. */
  readonly #shared: readonly boolean[];

  constructor(private readonly view: ViewDefinition) {
    this.#columns = aggregatesOf(view);
    this.#shared = view.joins.map(({ on }) =>
      fieldsOf(view).some(({ origin }) => origin.from === 'path' && origin.path.text === on.text),
    );
  }

  /** Reads groups as they are stored. Every group that is touched has to be loaded before. */
  async load(stored: StoredRows, groups: Iterable<string>): Promise<void> {
    const wanted = [...new Set(groups)].filter((group) => !this.#groups.has(group));
    if (wanted.length === 0) return;
    const { count, joins, aggregates } = rowLayout(this.view);
    for (const [group, cells] of await stored.rows(ROWS, wanted)) {
      this.#groups.set(group, {
        key: cells.slice(0, fieldsOf(this.view).length),
        refers: cells.slice(joins, joins + this.view.joins.length),
        count: Number(cells[count]),
        parts: this.#columns.map((_, index) => partIn(cells, aggregates, index)),
      });
    }
  }

  add(share: GroupShare): void {
    let group = this.#groups.get(share.group);
    if (group === undefined || group.count === 0) {
      const refers = share.refers.map((cell, join) => (this.#shared[join] === true ? cell : null));
      group = { key: share.key, refers, count: 0, parts: this.#columns.map(() => EMPTY_PART) };
      this.#groups.set(share.group, group);
    }
    group.count++;
    group.parts = this.#columns.map((column, index) =>
      withShare(column, group.parts[index]!, { input: share.inputs[index]!, order: share.order }),
    );
  }

  takeBack(share: Pick<GroupShare, 'group' | 'inputs' | 'order'>): void {
    const group = this.#groups.get(share.group);
    if (group === undefined) throw new Error(`a share of group ${share.group} is stored, but not the group`);
    group.count--;
    group.parts = this.#columns.map((column, index) =>
      withoutShare(column, group.parts[index]!, { input: share.inputs[index]!, order: share.order }),
    );
  }

  /** Writes what has become of the groups; those without records vanish. */
  async store(changes: TableChanges, find?: FindShare): Promise<void> {
    for (const [identity, group] of this.#groups) {
      if (group.count === 0) {
        changes.delete(ROWS, identity);
        continue;
      }
      const parts: GroupPart[] = [];
      for (const [index, part] of group.parts.entries())
        parts.push(part.stale ? await this.#found(identity, index, part, find) : part);
      const cells = [...group.key, ...group.refers, group.count, ...parts.flatMap(partCells)];
      changes.put(ROWS, identity, cells);
    }
  }

  async #found(group: string, index: number, part: GroupPart, find: FindShare | undefined): Promise<GroupPart> {
    const share = await find?.(group, index);
    if (share === undefined) throw new Error(`group ${group} counts values that no share has`);
    const isLatest = this.#columns[index]!.aggregate === 'latest';
    return { ...part, result: share.input, state: isLatest ? share.order : null, stale: false };
  }
}

/** Which of two shares counts in an extreme or as the latest. */
export function isBetter(column: AggregateColumn, one: Share, than: Share): boolean {
  if (column.aggregate === 'latest') return one.order > than.order;
  const [a, b] = [one.input!, than.input!];
  return column.aggregate === 'min' ? isLess(a, b) : isLess(b, a);
}

/** Groups of events: what is added stays. */
export async function eventChanges(
  { view, source, stored, changes }: Pick<NewestContext, 'view' | 'source' | 'stored' | 'changes'>,
  records: readonly MappedRecord[],
): Promise<void> {
  const width = fieldsOf(view).length;
  const shares = records.map(({ cells, refers, version }): GroupShare => {
    const key = cells.slice(0, width);
    return {
      group: groupIdentity(key),
      key,
      refers,
      inputs: cells.slice(width),
      order: shareOrder(view, source, version),
    };
  });
  const groups = new Groups(view);
  await groups.load(
    stored,
    shares.map((share) => share.group),
  );
  for (const share of shares) groups.add(share);
  await groups.store(changes);
}
