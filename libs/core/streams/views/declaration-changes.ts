import { stableJson, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { SeenMember } from './seen-members.js';
import type { ToldCell, ToldCells, Untold } from './told-cells.js';
import type { Origin, ViewChild, ViewColumn, ViewDefinition } from './view-definition.js';

/** One thing that another declaration, or a later schema, says otherwise. */
export interface DeclarationChange {
  /** A column; one of a list as `list.column`; or a member of the declaration. */
  readonly what: string;
  readonly change: 'added' | 'gone' | 'changed';
  /** Whether the running view can be given it. */
  readonly inPlace: boolean;
  /** Why it can or cannot. */
  readonly reason: string;
  /** Of a column that can be added: what rows that are there have in it. */
  readonly value?: JsonValue;
}

/** What two declarations of a view say otherwise. */
export interface DeclarationChanges {
  readonly changes: readonly DeclarationChange[];
  /** Names of columns that can be added. */
  readonly columns: readonly string[];
  readonly children: Readonly<Record<string, readonly string[]>>;
  readonly indexes: readonly (readonly string[])[];
  /** What no record may have had. */
  readonly unseen: readonly SeenMember[];
}

/** What else a declaration says, and why that is not changed under rows that are there. */
const MEMBERS: readonly (readonly [string, (view: ViewDefinition) => JsonValue, string])[] = [
  ['source', (view) => [view.mode, ...view.sources.map(({ topic }) => topic)], 'rows are made of other records'],
  ['joins', (view) => view.joins.map(({ as, topic, on }) => [as, topic, on.text]), 'rows refer to other rows'],
  ['key', (view) => [...view.key], 'rows are known by something else'],
  ['filter', (view) => view.filter, 'which records have a row is decided anew for all of them'],
  ['deletes', (view) => ({ ...view.deletes }), 'which rows have ended is decided anew for all of them'],
  ['history', (view) => view.history, 'earlier states are in the records alone'],
  ['retention', (view) => view.retention && { ...view.retention }, 'which rows stay is decided anew for all of them'],
  ['target', (view) => view.target, 'rows are kept in another database'],
];

/** Compares a view as it runs with what it is declared to be, column by column. */
export class DeclarationComparison {
  readonly #changes: DeclarationChange[] = [];
  readonly #columns: string[] = [];
  /** By the name of the list. */
  readonly #children = new Map<string, readonly string[]>();
  readonly #indexes: (readonly string[])[] = [];
  readonly #unseen: SeenMember[] = [];

  constructor(
    private readonly present: ViewDefinition,
    private readonly next: ViewDefinition,
    private readonly cells: ToldCells,
  ) {}

  compare(): DeclarationChanges {
    const { present, next } = this;
    for (const [what, of, reason] of MEMBERS)
      if (stableJson(of(present)) !== stableJson(of(next)))
        this.#changes.push({ what, change: 'changed', inPlace: false, reason });
    this.#flattened();
    this.#mainColumns();
    this.#lists();
    this.#queries();
    return {
      changes: this.#changes,
      columns: this.#columns,
      children: Object.fromEntries(this.#children),
      indexes: this.#indexes,
      unseen: this.#unseen,
    };
  }

  #mainColumns(): void {
    const next = new Map(this.next.columns.map((column) => [column.name, column]));
    for (const column of this.present.columns) {
      const other = next.get(column.name);
      if (other === undefined) this.#gone(column);
      else this.#compareColumns(column, other);
    }
    const present = new Set(this.present.columns.map((column) => column.name));
    for (const column of this.next.columns)
      if (!present.has(column.name) && this.#added(column.name, this.cells.column(column)))
        this.#columns.push(column.name);
  }

  #gone(column: ViewColumn): void {
    const { name } = column;
    const bySchema = this.next.flattened.some(({ path, bySchema: open }) => open && isMember(column, path.steps));
    if (bySchema) this.#keep(name, 'gone', 'the schema has it no more; the column stays, with what records have');
    else this.#refuse(name, 'gone', 'a column is not taken from those who ask for it');
  }

  #compareColumns(column: ViewColumn, other: ViewColumn): void {
    const { name } = column;
    if (column.type !== other.type) return this.#refuse(name, 'changed', `is ${other.type}, and was ${column.type}`);
    if (this.#said(this.present, column) !== this.#said(this.next, other))
      return this.#refuse(name, 'changed', 'is made of something else, also for rows that are there');
    const [before, after] = [restOf(column), restOf(other)];
    for (const member of after.filter((one) => !before.includes(one))) {
      const left = this.cells.member(member);
      if ('reason' in left) this.#refuse(name, 'changed', `'${member}' leaves it, which ${left.reason}`);
      else this.#unseen.push(...left);
    }
    const back = before.find((one) => !after.includes(one));
    if (back !== undefined) this.#refuse(name, 'changed', `'${back}' becomes part of it, also for rows that are there`);
  }

  #lists(): void {
    const next = new Map(this.next.children.map((child) => [child.name, child]));
    for (const child of this.present.children) {
      const other = next.get(child.name);
      if (other === undefined) this.#refuse(child.name, 'gone', 'a list is not taken from those who ask for it');
      else if (other.list.text !== child.list.text)
        this.#refuse(child.name, 'changed', `is ${other.list.text}, and was ${child.list.text}`);
      else this.#compareItems(child, other);
    }
    for (const child of this.next.children)
      if (!this.present.children.some(({ name }) => name === child.name))
        this.#refuse(child.name, 'added', this.#whyNoList(child));
  }

  /** Also one that no record had: each row has a cell for the items of each list, before those of columns that were added. */
  #whyNoList({ list: { root, steps } }: ViewChild): string {
    const [name] = steps;
    const isNew = root === 'value' && typeof name === 'string' && !('reason' in this.cells.member(name));
    if (!isNew) return 'its rows are the items of all records that were read';
    return 'each row keeps how many items its lists have, which is laid out when the view is built';
  }

  #compareItems(child: ViewChild, other: ViewChild): void {
    const columns = new Map(other.columns.map((column) => [column.name, column]));
    for (const { name, path, field } of child.columns) {
      const what = `${child.name}.${name}`;
      const column = columns.get(name);
      if (column === undefined) this.#refuse(what, 'gone', 'a column is not taken from those who ask for it');
      else if (column.field.type !== field.type)
        this.#refuse(what, 'changed', `is ${column.field.type}, and was ${field.type}`);
      else if (column.path.text !== path.text)
        this.#refuse(what, 'changed', 'is made of something else, also for rows that are there');
    }
    for (const column of other.columns) {
      if (child.columns.some(({ name }) => name === column.name)) continue;
      if (!this.#added(`${child.name}.${column.name}`, this.cells.item(other, column))) continue;
      this.#children.set(child.name, [...(this.#children.get(child.name) ?? []), column.name]);
    }
  }

  /** Which objects are flattened: those that are there stay in their places, and what is flattened from now on is remembered from its beginning. */
  #flattened(): void {
    const places = this.present.flattened.map(({ path }) => path.text);
    const next = this.next.flattened.map(({ path }) => path.text);
    if (places.some((text, place) => next[place] !== text))
      this.#refuse('flatten', 'changed', 'other objects are flattened, or in another order');
    for (const { path } of this.next.flattened.slice(places.length)) {
      const [name] = path.steps;
      const unseen = typeof name === 'string' && path.root === 'value' ? this.cells.member(name) : ALL_SEEN;
      if ('reason' in unseen) this.#refuse('flatten', 'added', `${path.text} ${unseen.reason}`);
      else this.#unseen.push(...unseen);
    }
  }

  #queries(): void {
    const present = this.present.indexes.map(textOf);
    const kept = this.next.indexes.map(textOf).filter((index) => present.includes(index));
    if (kept.sort().join() !== [...present].sort().join())
      this.#refuse('indexes', 'gone', 'an index is not taken from those who ask by it');
    for (const index of this.next.indexes.filter((one) => !present.includes(textOf(one)))) {
      this.#indexes.push(index);
      this.#keep('indexes', 'added', `rows are found by ${index.join(', ')}, too`);
    }
  }

  /** @returns whether it can be added. */
  #added(what: string, told: ToldCell | Untold): boolean {
    if ('reason' in told) {
      this.#refuse(what, 'added', told.reason);
      return false;
    }
    const { value, unseen } = told;
    this.#unseen.push(...unseen);
    const of = value === null ? 'null' : `its default, ${JSON.stringify(value)}`;
    const reason = `no record that was read had it: rows that are there have ${of}`;
    this.#changes.push({ what, change: 'added', inPlace: true, reason, value });
    return true;
  }

  #keep(what: string, change: DeclarationChange['change'], reason: string): void {
    this.#changes.push({ what, change, inPlace: true, reason });
  }

  #refuse(what: string, change: DeclarationChange['change'], reason: string): void {
    this.#changes.push({ what, change, inPlace: false, reason });
  }

  /** What a column is made of, as text; without its default, which is that of then. */
  #said(view: ViewDefinition, column: ViewColumn): string {
    const origins = view.sources.map(({ origins: own }) => {
      const other = own.get(column.name);
      return other === undefined ? null : originJson(view, other);
    });
    switch (column.kind) {
      case 'system':
        return '';
      case 'aggregate':
        return stableJson([column.aggregate, column.of && originJson(view, column.of), origins]);
      default:
        return stableJson([column.kind, originJson(view, column.origin), origins]);
    }
  }
}

const textOf = (index: readonly string[]): string => JSON.stringify(index);

const ALL_SEEN: Untold = { reason: 'is of all records' };

function originJson(view: ViewDefinition, origin: Origin): JsonObject {
  const { from, type, reading = null } = origin;
  const own = { from, type, reading };
  switch (origin.from) {
    case 'path':
      return { ...own, path: origin.path.text };
    case 'join':
      return { ...own, join: origin.join, path: origin.path.text };
    case 'record':
      return { ...own, what: origin.what };
    case 'computed':
      return { ...own, cel: view.computed.get(origin.name) ?? null };
    case 'window':
      return { ...own, sizeMs: origin.sizeMs, of: originJson(view, origin.of) };
    case 'rest':
      return own;
  }
}

function restOf(column: ViewColumn): readonly string[] {
  return column.kind === 'field' && column.origin.from === 'rest' ? column.origin.without : [];
}

/** Whether a column is a member of a flattened object. */
function isMember(column: ViewColumn, object: readonly (string | number)[]): boolean {
  if (column.kind !== 'field' || column.origin.from !== 'path') return false;
  const { steps } = column.origin.path;
  return steps.length === object.length + 1 && object.every((step, place) => step === steps[place]);
}
