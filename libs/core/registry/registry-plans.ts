import { createHash } from 'node:crypto';
import { Breath, stableJson, type Clock, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { RegistryChanges } from './changes.js';
import { planBlocked, planKeyReused, planStale, planTooLarge } from './errors.js';
import { isLive, type SubjectState } from './model.js';
import type { RegistryView } from './registry-view.js';
import type { AppliedPlan, RegistryFact, RegistryStore } from './store.js';
import { DEFAULT_SCOPE, parseSubject, subjectText, type SubjectName } from './subject-name.js';

/** Names that one plan rests on at most: they come back with the request to carry it out. */
export const MAX_PLAN_BASES = 25_000;

/** What a plan rests on: what was stored under a name when it was made. */
export interface PlanBasis {
  /** Qualified; `:.ctx:` is a context, empty the default one. A digest behind `#` for what the reader may not read. */
  readonly subject: string;
  /** The newest live version; null without one. */
  readonly latest: number | null;
  /** Of versions, settings and mode: equal exactly when none of them has changed. */
  readonly digest: string;
}

/** What would be done, decided on the state as it is. */
export interface PlanDraft {
  readonly kind: string;
  /** What is told of the plan, and answered when it is repeated. */
  readonly outcome: JsonObject;
  /** The part of it that was decided by what the plan rests on; with that, what the hash stands for. Ids are given out later, whatever others register meanwhile. */
  readonly decided: JsonValue;
  /** Reasons that keep it from being carried out. */
  readonly blockers: readonly string[];
  readonly facts: readonly RegistryFact[];
  /** Every state that was looked at. */
  readonly states: readonly SubjectState[];
}

export interface RegistryPlan {
  readonly hash: string;
  readonly restsOn: readonly PlanBasis[];
  readonly outcome: JsonObject;
  readonly blockers: readonly string[];
}

/** A plan as its reader gives it back to have it carried out. */
export interface AskedPlan {
  readonly hash: string;
  readonly restsOn: readonly PlanBasis[];
  readonly principal: string;
  /** The caller's idempotency key. */
  readonly key: string | null;
  readonly visible: Visible;
}

/** Whether whoever looks at a plan may read what is stored under a name. A plan also rests on what schemas refer to, however far away. */
export type Visible = (subject: SubjectName) => boolean;

/** A plan that has been carried out, now or before. */
export interface CarriedOutPlan {
  readonly hash: string;
  /** Null where there was nothing to change. */
  readonly revision: number | null;
  readonly outcome: JsonObject;
  /** Of versions registered by it, in the order of its facts. */
  readonly ids: readonly number[];
  /** Whether it had been carried out before. */
  readonly repeated: boolean;
}

/**
 * Plans: decided without changing anything, shown, and carried out as they were shown, in one change or not at all. A plan needs no memory: whoever asks for it again sends
 * what it was made from, and it is made anew and compared. Only that it was carried out is remembered, with the change that did it.
 */
export class RegistryPlans {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly changes: RegistryChanges,
    private readonly clock: Clock,
  ) {}

  /** @throws `plan-too-large` */
  async plan(draft: () => Promise<PlanDraft>, visible: Visible): Promise<RegistryPlan> {
    return this.view.consistent(async () => this.#planOf(await draft(), visible));
  }

  /**
   * Carries out the plan, all of it in one change. Repeating it answers the same.
   * @param draft makes the plan anew; may run several times and has no effect of its own.
   * @throws `plan-stale` naming what has moved, `plan-blocked`, `idempotency-key-reused`.
   */
  async apply(asked: AskedPlan, draft: () => Promise<PlanDraft>): Promise<CarriedOutPlan> {
    const line = { context: '.', name: `plan ${asked.hash}` };
    return this.changes.make(line, async () => {
      const before = await this.#before(asked);
      if (before !== undefined) return { facts: [], states: [], reply: () => repeated(before) };
      const drafted = await draft();
      const plan = await this.#planOf(drafted, asked.visible);
      if (plan.hash !== asked.hash) {
        // Another instance may have carried it out while it was being made anew here.
        const meanwhile = await this.#before(asked);
        if (meanwhile !== undefined) return { facts: [], states: [], reply: () => repeated(meanwhile) };
        throw planStale(asked.hash, movedBetween(asked.restsOn, plan.restsOn));
      }
      if (plan.blockers.length > 0) throw planBlocked(plan.hash, plan.blockers);
      const { hash, outcome } = plan;
      return {
        facts: drafted.facts,
        states: drafted.states,
        plan: { hash, principal: asked.principal, key: asked.key, outcome },
        reply: (applied) => ({
          hash,
          revision: applied?.revision ?? null,
          outcome,
          ids: applied?.ids ?? [],
          repeated: false,
        }),
      };
    });
  }

  async #before({ hash, principal, key }: AskedPlan): Promise<AppliedPlan | undefined> {
    const byKey = key === null ? undefined : await this.store.appliedPlan({ principal, key });
    if (byKey !== undefined && byKey.hash !== hash) throw planKeyReused(byKey.hash);
    return byKey ?? this.store.appliedPlan({ hash });
  }

  /** The hash covers the names themselves, so that it is the same whoever looks. */
  async #planOf({ kind, outcome, decided, blockers, states }: PlanDraft, visible: Visible): Promise<RegistryPlan> {
    if (states.length > MAX_PLAN_BASES) throw planTooLarge(MAX_PLAN_BASES, states.length);
    const breath = new Breath(this.clock);
    const digest = createHash('sha256').update(stableJson({ kind, decided }));
    const restsOn: PlanBasis[] = [];
    for (const state of states) {
      const basis = basisOf(state);
      digest.update(stableJson(basis as unknown as JsonValue));
      restsOn.push(visible(state.subject) ? basis : { ...basis, subject: hidden(basis.subject), latest: null });
      await breath.take();
    }
    return { hash: digest.digest('hex'), restsOn, outcome, blockers };
  }
}

function hidden(name: string): string {
  return `#${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

function repeated({ hash, revision, outcome, ids }: AppliedPlan): CarriedOutPlan {
  return { hash, revision, outcome: outcome as JsonObject, ids, repeated: true };
}

/** Being referred to by others touches a subject without changing what a plan rests on, so revisions are not compared. */
function basisOf({ subject, versions, config, mode }: SubjectState): PlanBasis {
  const rows = versions.map((row) => [row.version, row.schemaId, row.deleted]);
  const digest = createHash('sha256')
    .update(stableJson([rows, config, mode] as unknown as JsonValue))
    .digest('hex')
    .slice(0, 32);
  return {
    subject: subjectText(subject),
    latest: versions.findLast(isLive)?.version ?? null,
    digest,
  };
}

/** In words, one for each name that is not as it was. */
function movedBetween(planned: readonly PlanBasis[], now: readonly PlanBasis[]): readonly string[] {
  const before = new Map(planned.map((one) => [one.subject, one]));
  const after = new Map(now.map((one) => [one.subject, one]));
  const moved: string[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(name), after.get(name)];
    if (was?.digest === is?.digest) continue;
    const title = titleOf(name);
    if (was === undefined) moved.push(`${title} has come in`);
    else if (is === undefined) moved.push(`${title} is no longer concerned`);
    else if (was.latest !== is.latest)
      moved.push(`the latest version of ${title} was ${shown(was)} and is ${shown(is)}`);
    else moved.push(`versions or settings of ${title} have changed`);
  }
  return [...new Set(moved)].sort();
}

function shown({ latest }: PlanBasis): string {
  return latest === null ? 'none' : String(latest);
}

function titleOf(name: string): string {
  if (/^#[0-9a-f]{32}$/.test(name)) return 'something that may not be read';
  const subject: SubjectName = name === '' ? DEFAULT_SCOPE : parseSubject(name);
  return subject.name === '' ? `context '${subject.context}'` : `'${name}'`;
}
