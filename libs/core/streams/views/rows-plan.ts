import type { JsonObject } from '#libs/core/kernel';
import type { TopicDirectory } from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import { kindText, sourcesBehind } from './row-kinds.js';
import type { RowScope } from './row-scope.js';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import type { StoredView } from './view-store.js';

/** What an operation that computes rows anew works with. */
export interface RowsParameters {
  readonly cluster: string;
  readonly name: string;
  /** The version whose rows they are. */
  readonly viewId: string;
  readonly scope: RowScope;
  /** What the view had become when the plan was made: the tables beside it are like those it had then. */
  readonly revision: number;
  /** Of the tables beside it. */
  readonly shadowId: string;
  readonly incomplete: boolean;
}

/** Those of plans of earlier days know of no changes in place. */
export const rowsParametersOf = (json: JsonObject): RowsParameters =>
  ({ revision: 0, ...json }) as unknown as RowsParameters;

/** What the plan relies on. */
export async function rowsFingerprintOf(
  directory: TopicDirectory,
  view: StoredView,
  definition: ViewDefinition,
  scope: RowScope,
): Promise<JsonObject> {
  const topic = sourcesOf(definition)[scope.source]!;
  return {
    logId: directory.engine.logId,
    viewId: view.id,
    revision: view.evolution.revision,
    topicId: (await directory.resolve(topic)).description.id,
  };
}

/** The whole plan. @param lost topics of which not everything is there any more @param records that are read for it */
export function draftRows(
  parameters: RowsParameters,
  fingerprint: JsonObject,
  definition: ViewDefinition,
  lost: readonly string[],
  records: number,
): PlanDraft {
  const { name, scope, incomplete } = parameters;
  const topics = sourcesBehind(definition, scope.source).map((source) => sourcesOf(definition)[source]!);
  const what = kindText(definition, scope.source);
  const told = lost.map((topic) => `older records of ${topic} are gone: rows would be of what is left of them`);
  const reach = scope.records?.partitions.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0);
  return {
    subject: `view:${name}`,
    parameters: parameters as unknown as JsonObject,
    fingerprint,
    steps: [
      scope.keys === null
        ? `find the keys of ${reach} records of ${sourcesOf(definition)[scope.source]}`
        : `take the ${scope.keys.length} keys that are named`,
      `compute their rows anew from ${records} records of ${topics.join(', ')}, beside the view`,
      `put them in the place of those there are, some at a time, each at the position where the view stands; other rows stay as they are`,
    ],
    impact: { view: name, rows: what, keys: scope.keys?.length ?? null, regenerable: lost.length === 0 },
    risks: incomplete ? told : [],
    blockers: incomplete ? [] : told.map((one) => `${one}; ask with incomplete to rebuild them all the same`),
    estimates: { etaSeconds: null, pauseMs: 0, records, bytes: null },
  };
}
