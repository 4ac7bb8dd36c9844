import { AppError, isAppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import type { Clusters, LogEngine } from '#libs/core/log';
import type { Plan } from '#libs/core/operations';
import { togetherOf } from './member-runs.js';
import { parametersFromJson, targetClusterOf } from './parameters.js';
import { type GroupOnTopic, groupsOn } from './topic-facts.js';

/** A group of readers of a topic that gets a new generation, and which of the two it has positions in. */
export interface Consumer {
  readonly group: string;
  /** Members there are now, whichever generation they read. */
  readonly members: number;
  /** Records it has still to read on a side; null where it keeps no position. */
  readonly oldLag: number | null;
  readonly newLag: number | null;
}

/**
 * Who reads the two sides of an operation that puts a new generation in the place of another, by name of the group. Before the switch everybody is on the old side. With it groups are carried to
 * the new one, and where they stood on the old one stays as it was; a group that has a position there only has not come along, and reads past this service.
 * @throws `operation-without-sides` for a plan of another sort.
 */
export async function consumersOf(clusters: Clusters, plan: Plan): Promise<readonly Consumer[]> {
  const together = togetherOf(plan.parameters);
  if (together === undefined) {
    if (!isJsonObject(plan.parameters['source']) || !isJsonObject(plan.parameters['target'])) throw withoutSides(plan);
    return await consumersOfOne(clusters, plan.parameters);
  }
  const found = new Map<string, Consumer>();
  const sum = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : a + b);
  for (const one of together.members) {
    for (const { group, members, oldLag, newLag } of await consumersOfOne(clusters, one)) {
      const other = found.get(group) ?? { group, members: 0, oldLag: null, newLag: null };
      found.set(group, {
        group,
        members: Math.max(members, other.members),
        oldLag: sum(oldLag, other.oldLag),
        newLag: sum(newLag, other.newLag),
      });
    }
  }
  return [...found.values()].sort((a, b) => (a.group < b.group ? -1 : 1));
}

async function consumersOfOne(clusters: Clusters, json: JsonObject): Promise<readonly Consumer[]> {
  const parameters = parametersFromJson(json);
  const old = await groupsOf(clusters.get(parameters.cluster), parameters.source.physical);
  const present = await groupsOf(clusters.get(targetClusterOf(parameters)), parameters.target.physical);
  const names = [...new Set([...old.keys(), ...present.keys()])].sort();
  return names.map((group) => {
    const [before, after] = [old.get(group), present.get(group)];
    const members = Math.max(before?.members ?? 0, after?.members ?? 0);
    return { group, members, oldLag: before?.lag ?? null, newLag: after?.lag ?? null };
  });
}

async function groupsOf(engine: LogEngine, physical: string): Promise<ReadonlyMap<string, GroupOnTopic>> {
  try {
    const groups = await groupsOn(engine, await engine.describeTopic(physical));
    return new Map(groups.map((one) => [one.group, one]));
  } catch (error) {
    // Not made yet, or deleted: nobody reads it.
    if (isAppError(error, 'topic-not-found')) return new Map();
    throw error;
  }
}

function withoutSides({ kind, hash }: Plan): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'operation-without-sides',
    message: `An operation of kind '${kind}' puts no generation of a topic in the place of another.`,
    hint: 'Ask this of repartitions, migrations and moves.',
    details: { kind, planHash: hash },
  });
}
