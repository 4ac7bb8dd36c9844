import { deferred, isAppError, Serial } from '#libs/core/kernel';
import type { SourcePosition } from '../source-reader.js';
import type { MappedRecord } from './fold.js';
import { stepChanges, type StepContext } from './step-changes.js';
import { markerTable, tableShapes } from './table-shapes.js';
import { SeenMembers } from './seen-members.js';
import { UnwrittenRows } from './unwritten-rows.js';
import type { ViewDefinition } from './view-definition.js';
import type { StoredRows, TableChange, ViewPositions, ViewStep, ViewTables } from './view-tables.js';

/** The view that steps are of, and where it is kept. */
export interface SteppedView {
  readonly id: string;
  readonly view: ViewDefinition;
  readonly tables: ViewTables;
  /** See {@link StepContext}. */
  readonly mostShares?: number | undefined;
  /** Called between some rows of many: resolves when the work may go on. */
  readonly turn: () => Promise<void>;
}

/** What the changes of a step are computed with, beside what is stored. */
export type StepSource = Pick<StepContext, 'source' | 'partitions' | 'nowMs' | 'stands'>;

/** Changes that were computed before their step had its turn: they are right if it is computed on this commit. */
export interface ChangesAhead {
  readonly commit: number;
  readonly changes: readonly TableChange[];
}

/** How often a step is computed again that others were quicker than. */
const RETRIES = 1_000;

/**
 * The steps of one view while a worker writes it: stored one after another, each on what the one before has stored. Knows where the view stands, and
 * as long as nobody else writes which rows were never written.
 */
export class ViewSteps {
  readonly stored: StoredRows;
  readonly #line = new Serial();
  #members: SeenMembers | undefined;
  /** While nobody else writes. */
  #unwritten: UnwrittenRows | undefined;
  /** Whether queries have their indexes. */
  #indexed = false;
  #positions: ViewPositions = { epoch: 0, commit: 0, sources: [], refused: 0 };
  #nextStep = deferred<void>();
  /** While this is who writes. */
  #epoch: number | undefined;

  constructor(private readonly of: SteppedView) {
    const { id, view, tables } = of;
    this.stored = {
      rows: (table, identities) => tables.rows(id, view, table, identities),
      find: (search) => tables.find(id, view, search),
    };
  }

  /** As whom steps are stored; undefined while somebody else may store some. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** The members that its records had, with each step that was stored; undefined while somebody else may store some, and of a view of which it is not known. */
  get members(): SeenMembers | undefined {
    return this.#members;
  }

  /** Where the view stood when it was claimed, or after the last step since. */
  get positions(): ViewPositions {
    return this.#positions;
  }

  /** Resolves with the next step that is stored. */
  nextStep(): Promise<void> {
    return this.#nextStep.promise;
  }

  /** Takes the view over. @throws `view-not-found`. */
  async claim(): Promise<{ readonly epoch: number; readonly positions: ViewPositions }> {
    const { id, view, tables } = this.of;
    // Before it is claimed: what others add meanwhile may be remembered twice.
    const { seen } = await tables.revision(id, view);
    const claimed = await tables.claim(id, view);
    this.#stands(claimed.positions);
    this.#epoch = claimed.epoch;
    this.#indexed = false;
    this.#unwritten = await this.#unwrittenAt(claimed.positions);
    this.#members = seen === null ? undefined : new SeenMembers(seen);
    return claimed;
  }

  /** Another worker may write from now on. */
  leave(): void {
    this.#epoch = undefined;
    this.#members = undefined;
    this.#forgetUnwritten();
  }

  /** Makes the indexes of queries, in line with the steps; once for each claim. */
  async index(): Promise<void> {
    if (this.#indexed) return;
    const { id, view, tables } = this.of;
    await this.#line.run(() => tables.index(id, view));
    this.#indexed = true;
    this.#unwritten?.forgetRows();
  }

  /**
   * Stores a step in its turn, or nothing where there is none. One that somebody was quicker than who stored one beside this worker is computed again on what is there now.
   * @param step computes it on a commit. @throws what it throws; `rows-refused`; `view-writer-fenced`.
   */
  store(epoch: number, step: (commit: number) => Promise<ViewStep | undefined>): Promise<void> {
    const { id, view, tables } = this.of;
    return this.#line.run(async () => {
      for (let attempt = 1; ; attempt++) {
        const made = await step(this.#positions.commit);
        if (made === undefined) return;
        try {
          this.#stands(await tables.apply(id, view, epoch, made));
          this.#members?.add(made.seen ?? []);
          return;
        } catch (error) {
          if (!isAppError(error, 'view-writer-fenced') || attempt === RETRIES) throw error;
          const now = await tables.positions(id, view);
          const { source, from } = made.move ?? {};
          const moved =
            source !== undefined && now.sources[source] !== undefined && !isWithin(now.sources[source], from!);
          if (now.epoch !== epoch || now.commit === made.commit || moved) throw error;
          this.#stands(now);
          this.#forgetUnwritten();
        }
      }
    });
  }

  /** What records do to the tables. To be asked within a step. */
  changes(given: StepSource, records: readonly MappedRecord[]): Promise<readonly TableChange[]> {
    return this.#computed(given, this.stored, records);
  }

  /**
   * The changes of the step that follows another one, computed while that one is stored. Rows that have to be looked up are when it is done; that of those which were never written there
   * is nothing to look up makes this quick. Whatever is stored between the two makes the changes void, which the commit tells.
   * @param before the commit which the step before is computed on, and its end. It has computed its changes, and no other step does before it ends.
   * @returns nothing where they cannot be computed: what is wrong is found when the step has its turn.
   */
  async changesAhead(
    given: StepSource,
    records: readonly MappedRecord[],
    before: { readonly commit: number; readonly done: Promise<void> },
  ): Promise<ChangesAhead | undefined> {
    const ended = before.done.catch(() => undefined);
    const stored: StoredRows = {
      rows: (table, identities) => ended.then(() => this.stored.rows(table, identities)),
      find: (search) => ended.then(() => this.stored.find(search)),
    };
    try {
      return { commit: before.commit + 1, changes: await this.#computed(given, stored, records) };
    } catch {
      return undefined;
    }
  }

  async #computed(
    given: StepSource,
    stored: StoredRows,
    records: readonly MappedRecord[],
  ): Promise<readonly TableChange[]> {
    const { view, turn, mostShares } = this.of;
    return stepChanges({ ...given, view, stored, unwritten: this.#unwritten, turn, mostShares }, records);
  }

  /** Of a view that has been begun no more is known than whether ends of keys are remembered, of which there mostly are none. */
  async #unwrittenAt({ commit }: ViewPositions): Promise<UnwrittenRows> {
    const { view } = this.of;
    const unwritten = new UnwrittenRows();
    if (commit === 0) return unwritten;
    const markers = markerTable(view);
    const hasEnds = (await this.stored.find({ table: markers, limit: 1 })).length > 0;
    const tables = tableShapes(view).map((shape) => shape.table);
    unwritten.forget(tables.filter((table) => table !== markers || hasEnds));
    return unwritten;
  }

  #stands(positions: ViewPositions): void {
    const stored = this.#nextStep;
    this.#positions = positions;
    this.#nextStep = deferred();
    stored.resolve();
  }

  /** To be called when anybody else may have written rows. */
  #forgetUnwritten(): void {
    this.#unwritten = undefined;
  }
}

/** Whether a stored position is the one that a step begins at; of partitions that were added since nothing is stored. */
function isWithin(stored: SourcePosition, from: SourcePosition): boolean {
  return stored.generation === from.generation && stored.next.every((next, partition) => next === from.next[partition]);
}
