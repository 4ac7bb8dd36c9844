import { Breath, type Clock, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { decideBulkDeletion, type DeletionBlock, type DoomedSubject } from './bulk-deletion.js';
import { effectiveMode } from './config.js';
import { selectionTooLarge } from './errors.js';
import type { SubjectState } from './model.js';
import type { AskedPlan, CarriedOutPlan, PlanDraft, RegistryPlan, RegistryPlans, Visible } from './registry-plans.js';
import type { RegistryView } from './registry-view.js';
import type { SchemaSearch, SchemaSearchPosition, SchemaSearchQuestion } from './schema-search.js';
import type { RegistryStore } from './store.js';
import { subjectText, type SubjectName } from './subject-name.js';

/** What is to go. */
export interface DeletionSelection {
  /** Subjects named one by one, with all versions that can go or with some. */
  readonly named: readonly { readonly subject: SubjectName; readonly versions: readonly number[] | undefined }[];
  /** Everything that a search finds. */
  readonly search: Omit<SchemaSearchQuestion, 'versions'> | undefined;
  /** For good, what is softly deleted; otherwise softly, what is live. */
  readonly permanent: boolean;
  /** Of what a search finds only this counts. */
  readonly visible: Visible;
}

/** What would become of a subject. */
export interface PlannedDeletion {
  readonly subject: SubjectName;
  readonly versions: readonly number[];
  readonly kept: readonly number[];
  readonly blocks: readonly DeletionBlock[];
}

/** What a deletion of many would come to. */
export interface DeletionPlan extends Omit<RegistryPlan, 'outcome'> {
  readonly permanent: boolean;
  /** By name. */
  readonly subjects: readonly PlannedDeletion[];
}

/** What a deletion of many came to. */
export interface CarriedOutDeletion extends Omit<CarriedOutPlan, 'outcome' | 'ids'> {
  readonly permanent: boolean;
  readonly subjects: readonly PlannedDeletion[];
}

/** Versions that one plan deletes at most. */
const MAX_VERSIONS = 10_000;
/** Versions asked of the search in one step. */
const STEP = 1_000;

/** Deleting much at once: shown first, then all of it or nothing. */
export class BulkDeletions {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly search: SchemaSearch,
    private readonly clock: Clock,
    private readonly plans: RegistryPlans,
  ) {}

  /** @throws `selection-too-large`, `search-incomplete`. */
  async plan(selection: DeletionSelection): Promise<DeletionPlan> {
    const { outcome, ...plan } = await this.plans.plan(() => this.#draft(selection), selection.visible);
    return { ...plan, ...planned(outcome) };
  }

  /** @throws `plan-stale`, `plan-blocked`, `idempotency-key-reused`, and as {@link plan}. */
  async apply(asked: AskedPlan, selection: DeletionSelection): Promise<CarriedOutDeletion> {
    const { hash, revision, repeated, outcome } = await this.plans.apply(asked, () => this.#draft(selection));
    return { hash, revision, repeated, ...planned(outcome) };
  }

  async #draft(selection: DeletionSelection): Promise<PlanDraft> {
    const chosen = await this.#chosen(selection);
    const subjects: DoomedSubject[] = [];
    const states = new Map<string, SubjectState>();
    const breath = new Breath(this.clock);
    for (const { subject, versions } of chosen) {
      const scopes = await this.view.scopes(subject);
      for (const state of Object.values(scopes) as SubjectState[]) states.set(subjectText(state.subject), state);
      subjects.push({
        state: scopes.subject,
        mode: effectiveMode(scopes),
        versions,
        referrers: scopes.subject.versions.length === 0 ? [] : await this.store.referrers(subject),
        associations: await this.store.associations({ subjects: [subject] }),
      });
      await breath.take();
    }
    const { permanent } = selection;
    const { doomed, facts } = decideBulkDeletion(subjects, permanent);
    await breath.take();
    const count = doomed.reduce((sum, one) => sum + one.versions.length, 0);
    if (count > MAX_VERSIONS) throw selectionTooLarge(MAX_VERSIONS);
    return {
      kind: 'bulk-deletion',
      outcome: { permanent, subjects: doomed as unknown as JsonValue },
      decided: { permanent, subjects: doomed as unknown as JsonValue },
      blockers: doomed.flatMap(({ subject, blocks }) => blocks.map((block) => sentenceOf(subject, block))),
      facts,
      states: [...states.values()].sort((a, b) => (subjectText(a.subject) < subjectText(b.subject) ? -1 : 1)),
    };
  }

  /** Each subject once, by name. Versions named and found add up. */
  async #chosen({ named, search, permanent, visible }: DeletionSelection) {
    const chosen = new Map<string, { subject: SubjectName; versions: number[] | undefined }>();
    const add = (subject: SubjectName, versions: readonly number[] | undefined) => {
      const key = subjectText(subject);
      const known = chosen.get(key);
      if (known === undefined) chosen.set(key, { subject, versions: versions && [...versions] });
      else if (versions === undefined) known.versions = undefined;
      else known.versions?.push(...versions);
    };
    for (const { subject, versions } of named) add(subject, versions);
    const breath = new Breath(this.clock);
    let found = 0;
    let from: SchemaSearchPosition | undefined;
    while (search !== undefined) {
      const page = await this.search.page({ ...search, versions: permanent ? 'deleted' : 'live' }, from, STEP);
      for (const { subject, row } of page.hits) {
        if (!visible(subject)) continue;
        if (++found > MAX_VERSIONS) throw selectionTooLarge(MAX_VERSIONS);
        add(subject, [row.version]);
      }
      if (page.next === null) break;
      from = page.next;
      await breath.take();
    }
    return [...chosen.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  }
}

function planned(outcome: JsonObject): Pick<DeletionPlan, 'permanent' | 'subjects'> {
  return outcome as unknown as Pick<DeletionPlan, 'permanent' | 'subjects'>;
}

function sentenceOf(subject: SubjectName, { code, version, referrers }: DeletionBlock): string {
  const what = version === null ? `'${subjectText(subject)}'` : `Version ${version} of '${subjectText(subject)}'`;
  switch (code) {
    case 'subject-not-found':
    case 'version-not-found':
      return `${what} does not exist.`;
    case 'version-not-soft-deleted':
      return `${what} is live; it goes for good only after it has been deleted softly.`;
    case 'operation-not-permitted':
      return `${what} is read-only.`;
    case 'schema-referenced':
      return `${what} is referred to by ${referrers.length} version${referrers.length === 1 ? '' : 's'} that would stay.`;
    case 'association-exists':
      return `${what} has an association.`;
    case 'nothing-to-delete':
      return `${what} has no version that can go.`;
  }
}
