import { createHash } from 'node:crypto';
import { AppError, isAppError, stableJson, type JsonValue } from '#libs/core/kernel';
import type { TopicDirectories } from './topic-directories.js';
import type { ResolvedTopic, TopicDirectory } from './topic-directory.js';
import type { TopicLifecycle } from './topic-lifecycle.js';

/** A topic as somebody says it is to be. What is left out stays as it is. */
export interface DeclaredTopic {
  readonly name: string;
  /** Left out: one for a new topic, else as many as there are. */
  readonly partitions?: number;
  /** Settings by their Kafka names. Those that are not named stay as they are. */
  readonly config: Readonly<Record<string, string>>;
  readonly protected?: boolean;
}

/** Why a topic cannot be as it is said to be. */
export interface TopicRefusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** What becomes of one topic. */
export interface TopicOutcome {
  readonly topic: string;
  /**
   * `new`, `set`: created, or settings changed. `unchanged`: it is so already. `refused`: it cannot be done, and so neither can the set. After an apply also `failed`: it was tried and is not done, or
   * not wholly; `not-tried`: an earlier one failed.
   */
  readonly outcome: 'new' | 'set' | 'unchanged' | 'refused' | 'failed' | 'not-tried';
  readonly partitions: number;
  readonly settings: readonly SettingChange[];
  /** What the protection is set to; null where it stays. */
  readonly protect: boolean | null;
  readonly refusal: TopicRefusal | null;
}

export interface SettingChange {
  readonly name: string;
  /** As the topic itself says; null where it does not. */
  readonly before: string | null;
  readonly after: string;
}

/** What a plan rests on: how one topic was. */
export interface TopicBasis {
  readonly topic: string;
  /** Null where it was not there. */
  readonly partitions: number | null;
  /** Of partitions, settings and protection: equal exactly when none of them has changed. */
  readonly digest: string;
}

export interface TopicSetPlan {
  /** In the order of the declaration. */
  readonly topics: readonly TopicOutcome[];
  readonly restsOn: readonly TopicBasis[];
  readonly blockers: readonly string[];
}

export interface ApplyTopicsOptions {
  /** Throws for what whoever asks may not do. It is asked before anything is done; what changes nothing takes no right. */
  readonly permit?: (outcomes: readonly TopicOutcome[]) => void;
  /** Only says whether it would be done: the same refusals, and the plan as the answer. */
  readonly dryRun?: boolean;
}

/** A topic that is there, and where. */
interface Placed {
  readonly cluster: string;
  readonly topic: ResolvedTopic;
}

/**
 * Topics that are said to be in a certain way, made so: created, their settings changed, protected. Partitions are never added to a topic that is there: that would part the records of a key
 * (a repartition keeps them together), so a topic with another number of them is refused. A log has no transaction over topics: they are made one after another, everything that can be said against
 * any of them is said before the first, and what was planned is made whole by applying it again.
 */
export class TopicSets {
  constructor(
    private readonly directories: TopicDirectories,
    private readonly lifecycle: TopicLifecycle,
  ) {}

  /** What would be done. Changes nothing. */
  async plan(declared: readonly DeclaredTopic[]): Promise<TopicSetPlan> {
    return planOf(await this.#look(declared));
  }

  /**
   * Does what was planned. Repeatable: what is so already is left alone, also when an apply was cut short.
   * @throws `plan-stale` naming what has moved, `plan-blocked`; what `permit` throws. Then nothing was done.
   */
  async apply(
    declared: readonly DeclaredTopic[],
    restsOn: readonly TopicBasis[],
    { permit = () => undefined, dryRun = false }: ApplyTopicsOptions = {},
  ): Promise<readonly TopicOutcome[]> {
    const looked = await this.#look(declared);
    const { topics, restsOn: now, blockers } = planOf(looked);
    permit(topics);
    const moved = movedBetween(restsOn, now, topics);
    if (moved.length > 0) throw planStale(moved);
    if (blockers.length > 0) throw planBlocked(blockers);
    if (dryRun) return topics;
    const done: TopicOutcome[] = [];
    let failed = false;
    for (const [at, one] of looked.entries()) {
      const planned = topics[at]!;
      if (planned.outcome === 'unchanged') done.push(planned);
      else if (failed) done.push({ ...planned, outcome: 'not-tried' });
      else {
        try {
          await this.#make(one.declared, one.present, planned);
          done.push(planned);
        } catch (error) {
          if (!isAppError(error)) throw error;
          failed = true;
          done.push({ ...planned, outcome: 'failed', refusal: refusalOf(error) });
        }
      }
    }
    return done;
  }

  async #make(declared: DeclaredTopic, present: Placed | undefined, planned: TopicOutcome): Promise<void> {
    const { name, config } = declared;
    const cluster = present?.cluster;
    if (present === undefined)
      await this.directories.of(cluster).create({ name, partitions: planned.partitions, config: { ...config } });
    else if (planned.settings.length > 0)
      await this.directories
        .of(cluster)
        .engine.administration.alterConfig(
          { kind: 'topic', topic: present.topic.physical },
          Object.fromEntries(planned.settings.map(({ name, after }) => [name, after])),
        );
    if (planned.protect !== null) await this.lifecycle.protect(cluster, name, planned.protect);
  }

  async #look(declared: readonly DeclaredTopic[]): Promise<readonly Looked[]> {
    const home = this.directories.of();
    const there = new Map((await home.list()).map((topic) => [topic.logical, topic]));
    const names = new Set((await home.engine.listTopics()).map(({ name }) => name));
    const looked: Looked[] = [];
    for (const one of declared) {
      const topic = there.get(one.name);
      const present =
        topic === undefined
          ? await this.#elsewhere(one.name)
          : { cluster: this.directories.clusters.defaultName, topic };
      looked.push({ declared: one, present, refusal: await this.#refusal(home, names, one, present) });
      // Those that come are judged by those before them, too.
      names.add(present?.topic.physical ?? one.name);
    }
    return looked;
  }

  /** A topic that has moved to another cluster. */
  async #elsewhere(name: string): Promise<Placed | undefined> {
    try {
      return await this.directories.following(undefined, async (cluster) => ({
        cluster,
        topic: await this.directories.of(cluster).resolve(name),
      }));
    } catch (error) {
      if (isAppError(error, 'topic-not-found')) return undefined;
      throw error;
    }
  }

  async #refusal(
    home: TopicDirectory,
    names: ReadonlySet<string>,
    declared: DeclaredTopic,
    present: Placed | undefined,
  ): Promise<TopicRefusal | null> {
    const { name, partitions, config } = declared;
    try {
      if (present === undefined)
        await home.demandCreatable({ name, partitions: partitions ?? 1, config: { ...config } }, names);
      else {
        const { length } = present.topic.description.partitions;
        if (partitions !== undefined && partitions !== length) throw partitionsDiffer(name, length, partitions);
        const changes = settingsBetween(declared, present.topic);
        if (changes.length > 0)
          await this.directories
            .of(present.cluster)
            .engine.administration.alterConfig(
              { kind: 'topic', topic: present.topic.physical },
              Object.fromEntries(changes.map(({ name, after }) => [name, after])),
              { validateOnly: true },
            );
      }
      return null;
    } catch (error) {
      if (!isAppError(error) || error.kind === 'unavailable' || error.kind === 'internal') throw error;
      return refusalOf(error);
    }
  }
}

interface Looked {
  readonly declared: DeclaredTopic;
  readonly present: Placed | undefined;
  readonly refusal: TopicRefusal | null;
}

function planOf(looked: readonly Looked[]): TopicSetPlan {
  const topics = looked.map(({ declared, present, refusal }): TopicOutcome => {
    const settings = settingsBetween(declared, present?.topic);
    const isProtected = present?.topic.guard.protected ?? false;
    const protect = declared.protected === undefined || declared.protected === isProtected ? null : declared.protected;
    return {
      topic: declared.name,
      outcome:
        refusal !== null
          ? 'refused'
          : present === undefined
            ? 'new'
            : settings.length > 0 || protect !== null
              ? 'set'
              : 'unchanged',
      partitions: declared.partitions ?? present?.topic.description.partitions.length ?? 1,
      settings,
      protect,
      refusal,
    };
  });
  return {
    topics,
    restsOn: looked.map(({ declared, present }) => basisOf(declared.name, present?.topic)),
    blockers: topics.flatMap(({ topic, refusal }) =>
      refusal === null ? [] : [`Topic '${topic}': ${refusal.message}`],
    ),
  };
}

function settingsBetween({ config }: DeclaredTopic, present: ResolvedTopic | undefined): readonly SettingChange[] {
  const own = present?.description.config ?? {};
  return Object.entries(config)
    .filter(([name, after]) => own[name] !== after)
    .map(([name, after]) => ({ name, before: own[name] ?? null, after }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function basisOf(topic: string, present: ResolvedTopic | undefined): TopicBasis {
  const partitions = present?.description.partitions.length ?? null;
  const state = present === undefined ? null : [partitions, { ...present.description.config }, present.guard.protected];
  const digest = createHash('sha256')
    .update(stableJson(state as JsonValue))
    .digest('hex')
    .slice(0, 32);
  return { topic, partitions, digest };
}

/** In words, one for each topic that is neither as it was nor as it was to become. */
function movedBetween(
  planned: readonly TopicBasis[],
  now: readonly TopicBasis[],
  outcomes: readonly TopicOutcome[],
): readonly string[] {
  const before = new Map(planned.map((one) => [one.topic, one]));
  const so = new Set(outcomes.filter(({ outcome }) => outcome === 'unchanged').map(({ topic }) => topic));
  return now.flatMap(({ topic, partitions, digest }) => {
    const was = before.get(topic);
    if (was === undefined) return [`topic '${topic}' was not planned`];
    if (was.digest === digest || so.has(topic)) return [];
    if (was.partitions === null) return [`topic '${topic}' was not there and is now`];
    if (partitions === null) return [`topic '${topic}' was there and is no longer`];
    if (was.partitions !== partitions)
      return [`topic '${topic}' had ${was.partitions} partitions and has ${partitions}`];
    return [`settings or protection of topic '${topic}' have changed`];
  });
}

function refusalOf({ code, message, hint }: AppError): TopicRefusal {
  return { code, message, hint: hint ?? null };
}

function partitionsDiffer(topic: string, there: number, asked: number): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'topic-partitions-differ',
    message: `Topic '${topic}' has ${there} partitions and is to have ${asked}; that is no setting, it moves the records of keys.`,
    hint: `Repartition it, which keeps the records of a key together and in order: weir topic repartition ${topic} --partitions ${asked}, or POST /v1/repartitions/plans.`,
    details: { topic, partitions: there, asked },
  });
}

function planStale(moved: readonly string[]): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'plan-stale',
    message: `The plan no longer holds: ${moved.slice(0, 5).join('; ')}${moved.length > 5 ? `; and ${moved.length - 5} more` : ''}.`,
    hint: 'Make the plan again, look at it and apply the new one.',
    details: { moved: moved.slice(0, 100) },
    items: moved.slice(0, 100).map((message) => ({ path: '/restsOn', message })),
  });
}

function planBlocked(blockers: readonly string[]): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'plan-blocked',
    message: `The plan cannot be applied, and nothing was: ${blockers[0]}${blockers.length > 1 ? ` And ${blockers.length - 1} more.` : ''}`,
    hint: 'Remove what blocks it and make the plan again.',
    details: { blockers: blockers.slice(0, 100) },
    items: blockers.slice(0, 100).map((message, i) => ({ path: `/blockers/${i}`, message })),
  });
}
