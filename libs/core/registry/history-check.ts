import { Breath, isAppError, type Clock } from '#libs/core/kernel';
import {
  LEVELS,
  TRANSITIVE_LEVELS,
  type Check,
  type CompatibilityLevel,
  type CompatibilityPolicy,
  type Direction,
  type EarlierSource,
  type SchemaEngine,
  type SchemaReading,
  type SchemaSource,
  type SchemaType,
  type Verdict,
  type Warning,
} from '#libs/core/schema';
import { assessmentOf, BETWEEN_BREATHS, doubtfulAtAnyLevel, fitting, type Assessment } from './assessment.js';
import { propertyOf } from './data-contract.js';
import type { StoredSchema, VersionRow } from './model.js';
import type { RegistryView } from './registry-view.js';
import type { SubjectDigests } from './subject-digests.js';
import type { SubjectName } from './subject-name.js';

/** A check of a schema against all live versions of a subject, with everything settled that its answer depends on. Plain data. */
export interface SettledCheck {
  readonly subject: SubjectName;
  readonly candidate: SchemaSource;
  readonly normalize: boolean;
  /** Only versions with this value of the property take part; null: all of them. */
  readonly group: { readonly property: string; readonly value: string | null } | null;
  /** The level in force. */
  readonly level: CompatibilityLevel;
  /** The levels that count. */
  readonly levels: readonly CompatibilityLevel[];
  readonly policy: CompatibilityPolicy;
  readonly violations: readonly string[];
  /** Newest first. A place is an index of this list and of the next. */
  readonly versions: readonly number[];
  readonly schemaIds: readonly number[];
}

/** A version at which a direction fails. */
interface Broken {
  readonly place: number;
  /** Without the earlier text. */
  readonly check: Check;
}

/** How far a check is, and what it has found by then. Plain data: whoever has it goes on from there, and comes to the same. */
export interface CheckState {
  /** Index of the question that is being asked of the versions. */
  readonly stage: number;
  /** Places below it have been asked this question. */
  readonly at: number;
  /** Places of versions of other groups. */
  readonly others: readonly number[];
  /** Places of versions that were deleted for good before they were compared. */
  readonly gone: readonly number[];
  readonly broken: Readonly<Partial<Record<Direction, Broken>>>;
  /** By level: the place of the first version behind the latest one at which it would fail. */
  readonly older: Readonly<Partial<Record<CompatibilityLevel, number>>>;
  readonly warnings: readonly { readonly level: CompatibilityLevel; readonly warnings: readonly Warning[] }[];
  /** Warnings found beyond those that are kept. */
  readonly warningsLeftOut: number;
}

/** One question, put to the versions one after another. */
type Stage =
  | { readonly ask: 'group'; readonly property: string; readonly value: string | null }
  | { readonly ask: 'verdict'; readonly direction: Direction }
  | { readonly ask: 'older' | 'warnings'; readonly level: CompatibilityLevel };

export interface HistoryCheckTools {
  readonly view: RegistryView;
  readonly engine: SchemaEngine;
  readonly digests: SubjectDigests;
  readonly clock: Clock;
}

const BEGINNING: CheckState = {
  ...{ stage: 0, at: 0, others: [], gone: [], broken: {}, older: {}, warnings: [], warningsLeftOut: 0 },
};
/** Versions in one step at most; each text may be as long as a schema may. */
const STEP = 50;
/** Warnings kept, and characters of them. */
const KEPT_WARNINGS = 1_000;
const KEPT_CHARACTERS = 1_000_000;

const TRANSITIVE: Readonly<Record<Direction, CompatibilityLevel>> = {
  'new-reads-old': 'BACKWARD_TRANSITIVE',
  'old-reads-new': 'FORWARD_TRANSITIVE',
};

/**
 * Answers a {@link SettledCheck} in steps of a few versions, each within what one check may take, so that it may be cut short anywhere: the same answer as `Registry.assess` gives at
 * once, whatever is registered or deleted meanwhile.
 */
export class HistoryCheck {
  readonly #stages: readonly Stage[];
  #state: CheckState;
  /** Versions compared at once: fewer once they were too much together. */
  #most = STEP;

  private constructor(
    private readonly tools: HistoryCheckTools,
    private readonly check: SettledCheck,
    private readonly reading: SchemaReading,
    /** Whether a version has to be compared, as far as is known without its text. */
    private readonly isDoubtful: (place: number) => boolean,
    state: CheckState,
  ) {
    this.#stages = stagesOf(check);
    this.#state = state;
  }

  static async of(tools: HistoryCheckTools, check: SettledCheck, state: CheckState = BEGINNING): Promise<HistoryCheck> {
    const { candidate: source, normalize } = check;
    const reading = await tools.engine.read(source, { normalize });
    const doubtful = await doubtfulPlaces(tools, check, reading);
    return new HistoryCheck(tools, check, reading, (place) => doubtful.has(place), state);
  }

  get state(): CheckState {
    return this.#state;
  }

  get isDone(): boolean {
    return this.#state.stage >= this.#stages.length;
  }

  /** Versions that have been asked about, once for each question; out of {@link total}. Never goes back. */
  get done(): number {
    return Math.min(this.total, this.#state.stage * this.check.versions.length + this.#state.at);
  }

  get total(): number {
    return this.#stages.length * this.check.versions.length;
  }

  /**
   * Takes a step: compares some versions, or finds that they are too many together and compares fewer the next time.
   * @throws `schema-too-complex` for a single version that is too much; `schema-workers-busy`.
   */
  async step(): Promise<void> {
    const stage = this.#stages[this.#state.stage];
    if (stage === undefined) return;
    try {
      await this.#ask(stage);
    } catch (error) {
      if (!isAppError(error, 'schema-too-complex') || this.#most === 1) throw error;
      this.#most = Math.ceil(this.#most / 4);
    }
  }

  /** The answer. Only to be asked for when it {@link isDone}. */
  assessment(): Promise<Assessment> {
    return assessmentIn(this.check, this.#state, this.reading, new Breath(this.tools.clock));
  }

  async #ask(stage: Stage): Promise<void> {
    switch (stage.ask) {
      case 'group':
        return this.#askForGroup(stage);
      case 'verdict':
        return this.#askForVerdict(stage.direction);
      case 'older':
        return this.#askForOlder(stage.level);
      case 'warnings':
        return LEVELS[stage.level].against === 'all'
          ? this.#askForWarnings(stage.level)
          : this.#askForWarningsOfLatest(stage.level);
    }
  }

  async #askForGroup({ property, value }: Stage & { ask: 'group' }): Promise<void> {
    const { at } = this.#state;
    const places = this.#places(at, this.check.versions.length);
    const schemas = await this.#schemas(places);
    const others = places.filter((place) => {
      const schema = schemas.get(place);
      return schema !== undefined && (propertyOf(schema.metadata, property) ?? null) !== value;
    });
    this.#move(this.#next(places), { others: [...this.#state.others, ...others] });
  }

  async #askForVerdict(direction: Direction): Promise<void> {
    const { at, broken } = this.#state;
    const places = this.#places(at, this.check.versions.length);
    const found = await this.#firstBroken(places, TRANSITIVE[direction], true);
    this.#move(found === undefined ? this.#next(places) : 'next-stage', {
      broken: found === undefined ? broken : { ...broken, [direction]: found },
    });
  }

  /** What a level that looks at the latest version alone leaves out. Mostly known: it is where the directions fail, unless they do so at the latest one. */
  async #askForOlder(level: CompatibilityLevel): Promise<void> {
    const { at, broken, older } = this.#state;
    const latest = this.#latest;
    const breaks = LEVELS[level].ask.map((direction) => broken[direction]?.place ?? Infinity);
    if (!breaks.includes(latest ?? -1)) {
      const first = Math.min(...breaks);
      this.#move('next-stage', { older: first === Infinity ? older : { ...older, [level]: first } });
      return;
    }
    const places = this.#places(Math.max(at, latest! + 1), this.check.versions.length);
    const found = await this.#firstBroken(places, TRANSITIVE_LEVELS[level]!, false);
    this.#move(found === undefined ? this.#next(places) : 'next-stage', {
      older: found === undefined ? older : { ...older, [level]: found.place },
    });
  }

  /** Up to the version at which the level fails. */
  async #askForWarnings(level: CompatibilityLevel): Promise<void> {
    const { at, broken } = this.#state;
    const ends = LEVELS[level].ask.map((direction) => (broken[direction]?.place ?? Infinity) + 1);
    const end = Math.min(this.check.versions.length, ...ends);
    const places = this.#places(at, end);
    const found = await this.#warnings(places, level);
    this.#move(this.#next(places, end), this.#withWarnings(level, found));
  }

  async #askForWarningsOfLatest(level: CompatibilityLevel): Promise<void> {
    const older = this.#state.older[level];
    const latest = this.#latest;
    const places = latest === undefined ? [] : older === undefined ? [latest] : [latest, older];
    this.#move('next-stage', this.#withWarnings(level, await this.#warnings(places, level)));
  }

  /** The first of the versions at which the candidate fails at a transitive level. */
  async #firstBroken(
    places: readonly number[],
    level: CompatibilityLevel,
    proofs: boolean,
  ): Promise<Broken | undefined> {
    const compared = await this.#compared(places);
    if (compared.size === 0) return undefined;
    const verdict = await this.tools.engine.judge(this.#judgement(compared, level, proofs));
    if (verdict.compatible) return undefined;
    const check = verdict.checks.at(-1)!;
    const place = [...compared.keys()].find((one) => this.check.versions[one] === check.version)!;
    return { place, check: { ...check, earlier: { type: check.earlier.type, canonical: '' } } };
  }

  async #warnings(places: readonly number[], level: CompatibilityLevel): Promise<readonly Warning[]> {
    const compared = await this.#compared(places);
    return compared.size === 0 ? [] : this.tools.engine.warnings(this.#judgement(compared, level, false));
  }

  #judgement(compared: ReadonlyMap<number, EarlierSource>, level: CompatibilityLevel, proofs: boolean) {
    const { candidate, normalize, policy } = this.check;
    const earlier = async function* (): AsyncGenerator<EarlierSource> {
      yield* compared.values();
    };
    return { level, candidate, normalize, earlier, policy, proofs };
  }

  /** The next places whose versions have to be compared, from one on and below another. */
  #places(from: number, to: number): readonly number[] {
    const { gone, others } = this.#state;
    const left = new Set([...gone, ...others]);
    const places: number[] = [];
    for (let place = from; place < to && places.length < this.#most; place++) {
      if (this.isDoubtful(place) && !left.has(place)) places.push(place);
    }
    return places;
  }

  /** Where to go on after a step on these places: a step that was not full has come to the end. */
  #next(places: readonly number[], end = this.check.versions.length): number | 'next-stage' {
    const next = (places.at(-1) ?? end) + 1;
    return places.length < this.#most || next >= end ? 'next-stage' : next;
  }

  #move(to: number | 'next-stage', found: Partial<CheckState>): void {
    const { stage } = this.#state;
    const moved = to === 'next-stage' ? { stage: stage + 1, at: 0 } : { at: to };
    this.#state = { ...this.#state, ...found, ...moved };
  }

  /** The first version that takes part. */
  get #latest(): number | undefined {
    const { gone, others } = this.#state;
    const left = new Set([...gone, ...others]);
    const place = this.check.versions.findIndex((_, one) => !left.has(one));
    return place < 0 ? undefined : place;
  }

  async #compared(places: readonly number[]): Promise<ReadonlyMap<number, EarlierSource>> {
    const compared = new Map<number, EarlierSource>();
    for (const [place, schema] of await this.#schemas(places)) {
      compared.set(place, { version: this.check.versions[place]!, source: await this.tools.view.source(schema) });
    }
    return compared;
  }

  /** The schemas at some places, in their order; what is gone by now is noted and left out. */
  async #schemas(places: readonly number[]): Promise<ReadonlyMap<number, StoredSchema>> {
    const { subject, schemaIds } = this.check;
    const stored = await this.tools.view.stored(
      subject.context,
      places.map((place) => schemaIds[place]!),
    );
    const schemas = new Map<number, StoredSchema>();
    const gone: number[] = [];
    for (const place of places) {
      const schema = stored.get(schemaIds[place]!);
      if (schema === undefined) gone.push(place);
      else schemas.set(place, schema);
    }
    if (gone.length > 0) this.#state = { ...this.#state, gone: [...this.#state.gone, ...gone] };
    return schemas;
  }

  #withWarnings(level: CompatibilityLevel, found: readonly Warning[]): Partial<CheckState> {
    const { warnings, warningsLeftOut } = this.#state;
    let [room, characters] = [KEPT_WARNINGS, KEPT_CHARACTERS];
    for (const one of warnings.flatMap((known) => known.warnings)) {
      room--;
      characters -= lengthOf(one);
    }
    const kept: Warning[] = [];
    for (const one of found) {
      if (--room < 0 || (characters -= lengthOf(one)) < 0) break;
      kept.push(one);
    }
    const known = warnings.find((one) => one.level === level)?.warnings ?? [];
    return {
      warnings: [...warnings.filter((one) => one.level !== level), { level, warnings: [...known, ...kept] }],
      warningsLeftOut: warningsLeftOut + found.length - kept.length,
    };
  }
}

/** What a check that has come to its end has found. */
export async function assessmentIn(
  check: SettledCheck,
  state: CheckState,
  candidate: SchemaReading,
  breath: Breath,
): Promise<Assessment> {
  const { level, levels, policy, violations } = check;
  const backward = await verdictIn(check, state, { direction: 'new-reads-old', type: candidate.type, breath });
  const forward = await verdictIn(check, state, { direction: 'old-reads-new', type: candidate.type, breath });
  await breath.take();
  return assessmentOf(
    { candidate, level, levels, policy, violations },
    backward,
    forward,
    levels.map((one) => {
      return { level: one, warnings: state.warnings.find((found) => found.level === one)?.warnings ?? [] };
    }),
  );
}

async function verdictIn(
  { versions }: SettledCheck,
  { broken, gone, others }: CheckState,
  { direction, type, breath }: { direction: Direction; type: SchemaType; breath: Breath },
): Promise<Verdict> {
  const left = new Set([...gone, ...others]);
  const end = broken[direction];
  const checks: Check[] = [];
  for (const [place, version] of versions.entries()) {
    if (place % BETWEEN_BREATHS === 0) await breath.take();
    if (place === end?.place) break;
    if (!left.has(place)) checks.push(fitting(direction, version, type));
  }
  if (end !== undefined) checks.push(end.check);
  return { compatible: end === undefined, level: TRANSITIVE[direction], checks };
}

function stagesOf({ group, levels }: SettledCheck): readonly Stage[] {
  const asked = levels.filter((level) => LEVELS[level].ask.length > 0);
  return [
    ...(group === null ? [] : [{ ask: 'group', ...group } as const]),
    { ask: 'verdict', direction: 'new-reads-old' },
    { ask: 'verdict', direction: 'old-reads-new' },
    ...asked.flatMap((level): Stage[] => {
      const warnings = { ask: 'warnings', level } as const;
      return LEVELS[level].against === 'all' ? [warnings] : [{ ask: 'older', level }, warnings];
    }),
  ];
}

/** What has to be compared, as far as is known without texts. Versions that have gone or stand for another schema by now are looked for by their ids. */
async function doubtfulPlaces(
  { view, engine, digests, clock }: HistoryCheckTools,
  { subject, candidate: source, group, versions, schemaIds }: SettledCheck,
  reading: SchemaReading,
): Promise<ReadonlySet<number>> {
  if (group !== null) return new Set(versions.keys());
  const breath = new Breath(clock);
  const known = new Map((await view.subject(subject)).versions.map((row) => [row.version, row]));
  await breath.take();
  const doubtful = new Set<number>();
  const places: number[] = [];
  const rows: VersionRow[] = [];
  for (const [place, version] of versions.entries()) {
    if (place % BETWEEN_BREATHS === 0) await breath.take();
    const row = known.get(version);
    if (row === undefined || row.schemaId !== schemaIds[place]) {
      doubtful.add(place);
      continue;
    }
    places.push(place);
    rows.push(row);
  }
  const held = { source, reading };
  for (const i of await doubtfulAtAnyLevel(engine.formats, held, rows, digests.versions(subject), breath)) {
    doubtful.add(places[i]!);
  }
  return doubtful;
}

function lengthOf({ path, place, before, after, what, breaks, whom, fix }: Warning): number {
  return [path, place, before, after, what, breaks, whom, fix].reduce((sum, text) => sum + (text?.length ?? 0), 0);
}
