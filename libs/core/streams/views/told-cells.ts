import type { JsonValue } from '#libs/core/kernel';
import type { FieldPath } from '../field-path.js';
import { fromCell, type CellValue, type ColumnType } from './column-type.js';
import { cellWithout } from './fold.js';
import { itemsOf, watchedObjects, type SeenMember, type SeenMembers } from './seen-members.js';
import {
  isGrouped,
  takesBack,
  type AggregateColumn,
  type ChildColumn,
  type FieldColumn,
  type JoinColumn,
  type Origin,
  type ViewChild,
  type ViewColumn,
  type ViewDefinition,
} from './view-definition.js';

/** What the rows that are there have in a column that is added, where that is known without their records. */
export interface ToldCell {
  readonly cell: CellValue;
  /** The cell as answers show it. */
  readonly value: JsonValue;
  /** What no record may have had: otherwise rows could have other values. */
  readonly unseen: readonly SeenMember[];
}

/** Why it is not known. */
export interface Untold {
  readonly reason: string;
}

/**
 * Tells of columns that are added to a running view what its rows have there. That is known only of fields that no record has had: all rows have the default of the schema then, or null, as
 * they would were the view built anew.
 */
export class ToldCells {
  /**
   * @param present the view as it runs
   * @param next as it is to be
   * @param seen the members that its records had; undefined for a view that was begun before they were remembered
   */
  constructor(
    private readonly present: ViewDefinition,
    private readonly next: ViewDefinition,
    private readonly seen: SeenMembers | undefined,
  ) {}

  column(column: ViewColumn): ToldCell | Untold {
    switch (column.kind) {
      case 'field':
        return this.#field(column);
      case 'join':
        return this.#join(column);
      case 'aggregate':
        return this.#aggregate(column);
      case 'system':
        return { reason: 'tells what has become of rows since before it was there' };
    }
  }

  /** A column of the items of a list. */
  item({ list }: ViewChild, { path, field }: ChildColumn): ToldCell | Untold {
    const [name] = path.steps;
    if (typeof name !== 'string') return { reason: 'is of whole items, which records had' };
    const unseen = this.#sources().map((source) => {
      const withoutList = this.#unseen(source, list);
      if (typeof withoutList !== 'string') return withoutList;
      const member = { source, object: itemsOf(list), name };
      return this.#mayHave(member) ? withoutList : member;
    });
    return told(field.type, null, unseen);
  }

  /** Whether no record of the main topics had a member of its value. */
  member(name: string): readonly SeenMember[] | Untold {
    const members = this.#sources().map((source) => ({ source, object: 'value', name }));
    return members.some((member) => this.#mayHave(member)) ? { reason: this.#had(name) } : members;
  }

  #field({ name, type, origin }: FieldColumn): ToldCell | Untold {
    if (isGrouped(this.next)) return { reason: 'is part of the key of groups' };
    const origins = this.next.sources.map((source) => source.origins.get(name) ?? origin);
    const cells = origins.map(cellWithout);
    const cell = cells[0];
    if (cell === undefined) return { reason: MADE_OF_RECORDS[origin.from] };
    if (cells.some((other) => other !== cell)) return { reason: 'has not the same default in all topics' };
    return told(
      type,
      cell,
      origins.map((one, source) => this.#unseen(source, pathOf(one)!)),
    );
  }

  #join({ type, origin }: JoinColumn): ToldCell | Untold {
    const join = this.next.joins.findIndex((one) => one.as === origin.join);
    const source = this.next.sources.length + join;
    return told(type, cellWithout(origin)!, [this.#unseen(source, origin.path)]);
  }

  #aggregate({ aggregate, type, of }: AggregateColumn): ToldCell | Untold {
    if (takesBack(this.next))
      return {
        reason: 'is of what each present row counts for, which is computed and laid out when the view is built',
      };
    if (of === null) return { reason: 'counts records that were read' };
    const cell = cellWithout(of);
    if (cell === undefined) return { reason: MADE_OF_RECORDS[of.from] };
    if (cell !== null) return { reason: `${aggregate} takes in the default of each record that was read` };
    return told(
      type,
      null,
      this.#sources().map((source) => this.#unseen(source, pathOf(of)!)),
    );
  }

  /** A member on the way to a field that no record of a source had; or why there is none. */
  #unseen(source: number, { root, steps }: FieldPath): SeenMember | string {
    if (root === 'key') return 'is of keys, which say all of it already';
    let object = 'value';
    let reason = 'is of whole values, which records had';
    const watched = source < this.present.sources.length ? watchedObjects(this.present, source) : [];
    for (const [depth, step] of steps.entries()) {
      if (typeof step !== 'string') return reason;
      if (depth > 0) {
        const around = steps.slice(0, depth);
        const found = watched.find(({ path, items }) => !items && isSame(path.steps, around));
        if (found === undefined) return reason;
        ({ object } = found);
      }
      const member = { source, object, name: step };
      if (!this.#mayHave(member)) return member;
      reason = this.#had(step);
    }
    return reason;
  }

  #mayHave(member: SeenMember): boolean {
    return this.seen?.mayHave(member) ?? true;
  }

  #had(name: string): string {
    if (this.seen === undefined)
      return `may have been in records: this version was begun before it was remembered what records had`;
    return `is made of '${name}', which records had that were read`;
  }

  #sources(): readonly number[] {
    return this.next.sources.map((_, source) => source);
  }
}

/** Why rows of earlier records cannot be told from what they had not. */
const MADE_OF_RECORDS: Readonly<Record<Origin['from'], string>> = {
  path: 'is a field',
  join: 'is a field',
  window: 'is the window of a time that each record has',
  record: 'is of each record itself',
  computed: 'is computed of each record',
  rest: 'is what each record has besides',
};

/** The field that an origin reads. */
function pathOf(origin: Origin): FieldPath | undefined {
  if (origin.from === 'window') return pathOf(origin.of);
  return origin.from === 'path' || origin.from === 'join' ? origin.path : undefined;
}

function told(type: ColumnType, cell: CellValue, unseen: readonly (SeenMember | string)[]): ToldCell | Untold {
  const reason = unseen.find((one) => typeof one === 'string');
  if (reason !== undefined) return { reason };
  return { cell, value: fromCell(type, cell), unseen: unseen.filter((one) => typeof one !== 'string') };
}

function isSame(one: readonly (string | number)[], other: readonly (string | number)[]): boolean {
  return one.length === other.length && one.every((step, place) => step === other[place]);
}
