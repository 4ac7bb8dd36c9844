import { createHash } from 'node:crypto';
import {
  Breath,
  isAppError,
  stableJson,
  type AppError,
  type Clock,
  type JsonObject,
  type JsonValue,
} from '#libs/core/kernel';
import { verdictFindings, type Finding, type SchemaEngine } from '#libs/core/schema';
import { orderOf, type OrderedChange } from './change-order.js';
import { updatedConfig, type ConfigUpdate } from './config.js';
import { DraftStore } from './draft-store.js';
import { isLive, type RegistryMode, type SubjectState } from './model.js';
import type { SentReference } from './references.js';
import type { SentSchema } from './sent-schema.js';
import type { Registry } from './registry.js';
import type { AskedPlan, CarriedOutPlan, PlanDraft, RegistryPlan, RegistryPlans, Visible } from './registry-plans.js';
import type { RegistryView } from './registry-view.js';
import type { RegistryStore } from './store.js';
import { parseSubject, subjectText, type SubjectName } from './subject-name.js';

/** Subjects whose states are read in one go. */
const READ_AT_ONCE = 500;

/** One change of a set. Subjects are those that are meant: aliases have been followed. */
export type SetChange =
  | {
      readonly kind: 'register';
      readonly subject: SubjectName;
      /** A reference without a version, or with -1, means the latest, after what the set registers there. */
      readonly sent: SentSchema;
      readonly normalize: boolean;
    }
  | { readonly kind: 'set-config'; readonly subject: SubjectName; readonly update: ConfigUpdate }
  | { readonly kind: 'set-mode'; readonly subject: SubjectName; readonly mode: RegistryMode | null }
  /** Softly. Without a version: the subject. */
  | { readonly kind: 'delete'; readonly subject: SubjectName; readonly version: number | undefined };

/** What becomes of a change. */
export interface ChangeOutcome {
  /** Its place in the list that was sent. */
  readonly index: number;
  readonly kind: SetChange['kind'];
  readonly subject: string;
  /** `new`: a version is registered. `unchanged`: it is there already, or is set so already. `set`, `deleted`: as asked. `refused`: it cannot be done, and so neither can the set. */
  readonly outcome: 'new' | 'unchanged' | 'set' | 'deleted' | 'refused';
  readonly version: number | null;
  /** Null where it is given out when the plan is applied. */
  readonly id: number | null;
  /** Place among the ids that applying gives out; null where `id` is known or there is none. */
  readonly given: number | null;
  readonly deletedVersions: readonly number[];
  readonly refusal: ChangeRefusal | null;
}

/** Why one change of a set cannot be made. */
export interface ChangeRefusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Of a schema that breaks readers or writers. */
  readonly findings: readonly Finding[];
}

/** Why a change is refused, in a line: of a schema that breaks somebody the first finding, not the message, which quotes whole schemas. */
function reasonOf({ message, findings }: ChangeRefusal): string {
  const [first] = findings;
  const others = findings.length > 1 ? ` (and ${findings.length - 1} more)` : '';
  return first === undefined ? message.slice(0, 500) : `${first.what.slice(0, 500)}${others}`;
}

/** What a set of changes would come to. */
export interface ChangeSetPlan extends Omit<RegistryPlan, 'outcome'> {
  /** In the order in which they would be made. */
  readonly changes: readonly ChangeOutcome[];
}

/** What a set of changes came to. */
export interface CarriedOutChangeSet extends Omit<CarriedOutPlan, 'outcome' | 'ids'> {
  /** With the ids that were given out. */
  readonly changes: readonly ChangeOutcome[];
}

/**
 * Sets of changes that are made together or not at all: schemas that refer to one another, before any of them is there; settings; deletions. Planning asks the registry
 * itself, on a draft, one change after another; so a plan says what would happen in the words of what does happen.
 */
export class ChangeSets {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly engine: SchemaEngine,
    private readonly clock: Clock,
    private readonly plans: RegistryPlans,
    /** Opens a registry like this one over another store. */
    private readonly over: (store: RegistryStore) => Registry,
  ) {}

  /** @throws `references-cyclic` */
  async plan(changes: readonly SetChange[], visible: Visible): Promise<ChangeSetPlan> {
    const { outcome, ...plan } = await this.plans.plan(() => this.#draft(changes), visible);
    return { ...plan, changes: outcomesIn(outcome) };
  }

  /**
   * @param permit throws for what whoever asks may not do. It is asked before anything is written, with what each change comes to: what changes nothing takes no right.
   * @throws `plan-stale`, `plan-blocked`, `idempotency-key-reused`, `references-cyclic`; what `permit` throws.
   */
  async apply(
    asked: AskedPlan,
    changes: readonly SetChange[],
    permit: (outcomes: readonly ChangeOutcome[]) => void = () => undefined,
  ): Promise<CarriedOutChangeSet> {
    const { outcome, ids, ...done } = await this.plans.apply(asked, async () => {
      const draft = await this.#draft(changes);
      permit(outcomesIn(draft.outcome));
      return draft;
    });
    // What was done before is told to whoever could do it.
    if (done.repeated) permit(outcomesIn(outcome));
    const outcomes = outcomesIn(outcome).map((one) => (one.given === null ? one : { ...one, id: ids[one.given]! }));
    return { ...done, changes: outcomes };
  }

  async #draft(changes: readonly SetChange[]): Promise<PlanDraft> {
    const breath = new Breath(this.clock);
    const order = orderOf(await this.#ordered(changes, breath));
    await breath.take();
    const draft = new DraftStore(this.view, this.store, await this.view.refresh());
    const registry = this.over(draft);
    const outcomes: ChangeOutcome[] = [];
    const digest = createHash('sha256');
    for (const index of order) {
      const change = changes[index]!;
      digest.update(stableJson([index, change] as unknown as JsonValue));
      outcomes.push(await this.#try(registry, draft, change, index));
      await breath.take();
    }
    const refused = outcomes.filter((one) => one.refusal !== null);
    return {
      kind: 'change-set',
      outcome: { changes: outcomes as unknown as JsonValue },
      decided: {
        // What was sent is part of the plan, though it is not told again.
        sent: digest.digest('hex'),
        changes: outcomes.map(({ index, outcome, version, deletedVersions, refusal }) => {
          return [index, outcome, version, [...deletedVersions], refusal?.code ?? null];
        }),
      },
      blockers: refused.map(({ index, subject, refusal }) => `Change ${index} (${subject}): ${reasonOf(refusal!)}`),
      facts: draft.facts,
      states: draft.read,
    };
  }

  /** What each change waits for: subjects referred to as "the latest", or in a version that is not there. States are read together, a change at a time would be slow. */
  async #ordered(changes: readonly SetChange[], breath: Breath): Promise<readonly OrderedChange[]> {
    const targets = changes.map(({ subject, ...change }) =>
      change.kind === 'register' ? targetsOf(subject, change.sent.references ?? []) : [],
    );
    const names = new Map<string, SubjectName>();
    for (const { subject } of [...changes, ...targets.flat()]) names.set(subjectText(subject), subject);
    const live = new Set<string>();
    const all = [...names.values()];
    for (let from = 0; from < all.length; from += READ_AT_ONCE) {
      await breath.take();
      for (const { subject, versions } of await this.view.subjects(all.slice(from, from + READ_AT_ONCE))) {
        for (const row of versions) if (isLive(row)) live.add(`${subjectText(subject)}/${row.version}`);
      }
    }
    await breath.take();
    return changes.map(({ subject, kind }, index) => ({
      subject,
      registers: kind === 'register',
      needs: targets[index]!.filter((target) => !live.has(`${subjectText(target.subject)}/${target.version}`)).map(
        (target) => target.subject,
      ),
    }));
  }

  async #try(registry: Registry, draft: DraftStore, change: SetChange, index: number): Promise<ChangeOutcome> {
    const none = { version: null, id: null, given: null, deletedVersions: [], refusal: null };
    const told = { index, kind: change.kind, subject: subjectText(change.subject), ...none };
    try {
      return { ...told, ...(await this.#make(registry, draft, change)) };
    } catch (error) {
      if (!isAppError(error) || error.kind === 'unavailable' || error.kind === 'internal') throw error;
      if (isAppError(error, 'registry-state-moved')) throw error;
      return { ...told, outcome: 'refused', refusal: await this.#refusal(registry, change, error) };
    }
  }

  async #make(registry: Registry, draft: DraftStore, change: SetChange) {
    const { subject } = change;
    switch (change.kind) {
      case 'register': {
        const sent = { ...change.sent, references: change.sent.references?.map(latestUnlessNumbered) };
        const done = await registry.register(subject, sent, { normalize: change.normalize, force: false });
        const isKnown = done.schema.id >= 0;
        return {
          outcome: done.by === 'registered' ? ('new' as const) : ('unchanged' as const),
          version: done.row.version,
          id: isKnown ? done.schema.id : null,
          given: isKnown ? null : draft.placeOf(done.subject, done.row.version)!,
        };
      }
      case 'set-config': {
        const { config } = await stateOf(draft, subject);
        if (
          config !== null &&
          stableJson(config as JsonObject) === stableJson(updatedConfig(config, change.update) as JsonObject)
        )
          return { outcome: 'unchanged' as const };
        await registry.settings.setConfig(subject, change.update);
        return { outcome: 'set' as const };
      }
      case 'set-mode':
        if ((await stateOf(draft, subject)).mode === change.mode) return { outcome: 'unchanged' as const };
        await registry.settings.setMode(subject, change.mode, false);
        return { outcome: 'set' as const };
      case 'delete': {
        const { version } = change;
        const deletedVersions =
          version === undefined
            ? await registry.deleteSubject(subject, false)
            : [await registry.deleteVersion(subject, version, false)];
        return { outcome: 'deleted' as const, deletedVersions };
      }
    }
  }

  async #refusal(registry: Registry, change: SetChange, error: AppError): Promise<ChangeRefusal> {
    const told = { code: error.code, message: error.message.slice(0, 2_000), hint: error.hint ?? null };
    if (change.kind !== 'register' || error.code !== 'schema-incompatible') return { ...told, findings: [] };
    const sent = { ...change.sent, references: change.sent.references?.map(latestUnlessNumbered) };
    const answer = await registry.check(change.subject, sent, 'history', {
      normalize: change.normalize,
      proofs: true,
    });
    return { ...told, findings: verdictFindings(this.engine.formats, answer.verdict) };
  }
}

/** As the changes before left it. What is looked at is what the plan rests on. */
async function stateOf(draft: DraftStore, subject: SubjectName): Promise<SubjectState> {
  const { states } = await draft.subjects([subject]);
  return states[0]!;
}

function latestUnlessNumbered(reference: SentReference): SentReference {
  return { ...reference, version: reference.version ?? -1 };
}

function targetsOf(from: SubjectName, references: readonly SentReference[]) {
  return references.flatMap(({ subject, version }) =>
    typeof subject === 'string' ? [{ subject: parseSubject(subject, from.context), version }] : [],
  );
}

function outcomesIn(outcome: JsonObject): readonly ChangeOutcome[] {
  return outcome['changes'] as unknown as readonly ChangeOutcome[];
}
