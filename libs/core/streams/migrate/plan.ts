import type { JsonObject } from '#libs/core/kernel';
import {
  checkTopicConfig,
  integerSetting,
  isInternalTopic,
  MAX_TOPIC_NAME,
  physicalName,
  topicNameFault,
} from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import type { PlanContext } from '../generations/kind.js';
import { parametersToJson } from '../generations/parameters.js';
import { fingerprintOf, type GroupOnTopic, groupsOn, nextGeneration } from '../generations/topic-facts.js';
import { MigrationRouter } from './migration-router.js';
import type { MigrationParameters, MigrationRequest } from './parameters.js';
import { NO_TRANSFORM, programToJson, transformVersion, writesValues } from './program.js';
import type { RecordValues, ValueFormat } from './record-values.js';
import { rehearse, type RehearsalTally, tallyOf } from './rehearsal.js';
import { sampleRecords } from './sampled-records.js';
import type { Transforms } from './transforms.js';

/** What migrations are made with. */
export interface MigrationTools {
  readonly transforms: Transforms;
  readonly values: RecordValues;
}

/** Records a plan is rehearsed with. */
export const PLAN_SAMPLE = 1_000;
/** A cutover verifies a small rest: what it takes beside waiting for groups. */
const PAUSE_ESTIMATE_MS = 500;
/** A record is migrated for the copy and for its verification; writing and reading it back take about as long again. */
const WORK_FACTOR = 3;

/** The router to the new side. Deterministic, so that the copy and its verification apply the same rules. */
export function routerThere(parameters: MigrationParameters, tools: MigrationTools): MigrationRouter {
  const { topic, source, up: program, format, poison, config } = parameters;
  const maxBatchBytes = integerSetting(config, 'max.message.bytes');
  const rules = { topic, partitions: source.partitions, program, format, poison, maxBatchBytes };
  return new MigrationRouter(rules, tools.transforms, tools.values);
}

/** The router of the way back: a record it has no answer for ends it. */
export function routerBack(parameters: MigrationParameters, tools: MigrationTools): MigrationRouter {
  const { topic, source, formatBack: format, oldMaxBytes: maxBatchBytes } = parameters;
  const poison = { policy: 'fail' as const, maxCount: null, maxRatio: null };
  const program = parameters.down ?? NO_TRANSFORM;
  const rules = { topic, partitions: source.partitions, program, format, poison, maxBatchBytes };
  return new MigrationRouter(rules, tools.transforms, tools.values);
}

/** The whole plan. Reads, changes nothing. @throws `invalid-transform`, `invalid-topic-config`, what `RecordValues.resolve` does. */
export async function draftMigration(
  context: PlanContext,
  tools: MigrationTools,
  request: MigrationRequest,
): Promise<PlanDraft> {
  const { engine, names, cluster, topic } = context;
  await tools.transforms.check(request.up);
  if (request.down !== undefined) await tools.transforms.check(request.down);
  checkTopicConfig(request.config, engine.capabilities.topicConfigs);
  const parameters = await resolve(context, tools, request);
  const began = context.monotonic();
  const samples = await sampleRecords(engine, topic.description, Math.min(PLAN_SAMPLE, context.sampleRecords));
  const back = parameters.reverseTail ? routerBack(parameters, tools) : undefined;
  const there = routerThere(parameters, tools);
  const rehearsed = await rehearse(samples, { topic: topic.logical, there, back, values: tools.values });
  const tally = tallyOf(rehearsed, request.lossy);
  const tookMs = context.monotonic() - began;
  const groups = await groupsOn(engine, topic.description);
  const records = topic.description.partitions.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0);
  const bytes = topic.description.partitions.reduce<number | null>(
    (sum, one) => (sum === null || one.sizeBytes === null ? null : sum + one.sizeBytes),
    0,
  );
  return {
    subject: `topic:${cluster}/${topic.logical}`,
    parameters: parametersToJson(parameters),
    fingerprint: await fingerprintOf(engine, names, topic),
    steps: steps(parameters, records),
    impact: {
      topic: topic.logical,
      from: { physical: topic.physical, format: formatText(parameters.formatBack) },
      to: { physical: parameters.target.physical, format: formatText(parameters.format) },
      transform: {
        version: parameters.version,
        up: programToJson(parameters.up),
        down: parameters.down && programToJson(parameters.down),
      },
      order: 'every record stays in its partition and in its order; keys stay as they are',
      rehearsal: tallyToJson(tally, request.lossy),
      translation: groups.map(({ group, members, lag }) => ({ group, members, lag, translation: 'exact' })),
      readers: [...context.readers],
      rollback: rollbackPromise(parameters),
    },
    risks: risksOf(context, parameters, tally, groups),
    blockers: blockersOf(context, parameters, request, tally),
    controls: { cutover: request.cutover.mode, maxPauseMs: request.cutover.maxPauseMs },
    estimates: {
      etaSeconds:
        tookMs < 1 || samples.length === 0 ? null : Math.ceil((tookMs / 1000 / samples.length) * records * WORK_FACTOR),
      pauseMs: PAUSE_ESTIMATE_MS,
      records,
      bytes,
    },
  };
}

async function resolve(
  context: PlanContext,
  { values }: MigrationTools,
  request: MigrationRequest,
): Promise<MigrationParameters> {
  const { engine, names, cluster, topic } = context;
  const generation = await nextGeneration(engine, names, topic.logical);
  const { partitions, config } = topic.description;
  const side = { partitions: partitions.length, keyExpression: topic.keyExpression };
  const wanted = request.format;
  const format: ValueFormat | null =
    wanted?.kind === 'schema'
      ? await values.resolve({ ...wanted, subject: wanted.subject ?? `${topic.logical}-value` })
      : (wanted ?? null);
  const settings = { ...config, ...request.config };
  return {
    cluster,
    topic: topic.logical,
    source: { physical: topic.physical, generation: topic.generation, ...side },
    target: { physical: physicalName(topic.logical, generation), generation, ...side },
    verification: request.verification,
    groups: request.groups,
    maxPauseMs: request.cutover.maxPauseMs,
    // Where the fence holds back only writers of this service, others could write to the old side among the records copied back.
    reverseTail: request.reverseTail && request.down !== undefined && engine.capabilities.fencing === 'topic',
    config: Object.fromEntries(Object.entries(settings).filter((one): one is [string, string] => one[1] !== null)),
    deadLetters: request.poison.policy === 'dlq' ? `${topic.logical}.dlq` : null,
    up: request.up,
    down: request.down ?? null,
    lossy: request.lossy,
    format,
    formatBack: format === null ? null : await formatOfOldSide(context, values),
    oldMaxBytes: integerSetting(config, 'max.message.bytes'),
    poison: request.poison,
    version: transformVersion(request.up),
  };
}

/** What values of the old side are written as: the schema most of a sample names. */
async function formatOfOldSide({ engine, topic }: PlanContext, values: RecordValues): Promise<ValueFormat> {
  const counts = new Map<string, number>();
  for (const { record } of await sampleRecords(engine, topic.description, PLAN_SAMPLE)) {
    if (record.value === null) continue;
    const schema = await Promise.resolve(values.read(topic.logical, record.value, record.headers)).then(
      (one) => one.schema,
      () => undefined,
    );
    if (schema === undefined) continue;
    const format: ValueFormat =
      schema === null ? { kind: 'json' } : { kind: 'schema', subject: `${topic.logical}-value`, ...schema };
    const text = JSON.stringify(format);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most === undefined ? { kind: 'json' } : (JSON.parse(most[0]) as ValueFormat);
}

function formatText(format: ValueFormat | null): string {
  if (format === null) return 'as each record came';
  return format.kind === 'json' ? 'JSON' : `schema ${format.schemaId} of ${format.subject}`;
}

/** How long, and at what price, the way back is open. */
function rollbackPromise(parameters: MigrationParameters): string {
  return parameters.reverseTail
    ? 'open while the operation is SWITCHED: what is written to the new side is brought back by down'
    : 'open while the operation is SWITCHED and nothing was written to the new side';
}

function steps(parameters: MigrationParameters, records: number): string[] {
  const { source, target, topic, poison, deadLetters } = parameters;
  const poisoned = {
    fail: 'stop at the first record that cannot be migrated',
    dlq: `records that cannot be migrated go to ${deadLetters} as they are`,
    'pass-through': 'records that cannot be migrated go on as they are',
  };
  return [
    `create ${target.physical} with ${target.partitions} partitions, closed to writers; retention and compaction wait until the switch`,
    `copy about ${records} records of ${source.physical} through transform ${parameters.version.slice(0, 12)}, and follow its writers`,
    poisoned[poison.policy],
    parameters.verification === 'full'
      ? 'verify: read the source again, transform it anew and compare order, counts and digests with the target'
      : 'verify: read the target back and compare order, counts and digests',
    `switch within ${parameters.maxPauseMs} ms or not at all: hold writers, copy and verify the rest, translate groups, move the name ${topic}`,
    parameters.reverseTail
      ? `keep ${source.physical} current by down, so that rolling back is possible`
      : `keep ${source.physical} as it was at the switch`,
    `finish, when you say so: delete ${source.physical}`,
  ];
}

function tallyToJson(tally: RehearsalTally, lossy: readonly string[]): JsonObject {
  const { records, same, changed, leftOut, poison, unstable, returned, restored, lost, notReturned } = tally;
  return {
    records,
    same,
    changed,
    leftOut,
    poison: Object.fromEntries(poison),
    unstable,
    wayBack: {
      returned,
      restored,
      lossy: [...lossy],
      lost: Object.fromEntries(lost),
      notReturned: Object.fromEntries(notReturned),
    },
  };
}

function risksOf(
  { readers }: PlanContext,
  parameters: MigrationParameters,
  tally: RehearsalTally,
  groups: readonly GroupOnTopic[],
): string[] {
  const found: string[] = [];
  const changesShape = writesValues(parameters.up) || parameters.format !== null;
  if (changesShape) {
    found.push(
      'writers: what they write after the switch is taken as it is, so they must write the new form from then on',
    );
  }
  if (changesShape && groups.length > 0) {
    const named = groups.map((one) => `'${one.group}'`).join(', ');
    found.push(`groups: ${named} read the new form from the switch on`);
  }
  if (changesShape && readers.length > 0) {
    found.push(
      `views and derivations: ${readers.join(', ')} read the new form from the switch on; build those anew that name other fields`,
    );
  }
  if (!parameters.reverseTail) found.push('rolling back is possible only while nothing was written to the new side');
  if (tally.leftOut > 0) {
    found.push(
      `${tally.leftOut} of ${tally.records} records looked at are left out by the filter, and are gone with the old side`,
    );
  }
  if (parameters.poison.policy !== 'fail') {
    for (const [poison, count] of tally.poison) {
      found.push(`${count} of ${tally.records} records looked at cannot be migrated: ${poison}`);
    }
  }
  return found;
}

function blockersOf(
  { topic }: PlanContext,
  parameters: MigrationParameters,
  request: MigrationRequest,
  tally: RehearsalTally,
): string[] {
  const found: string[] = [];
  if (isInternalTopic(topic.logical)) found.push(`'${topic.logical}' is an internal topic`);
  if (topic.guard.frozen) {
    found.push(`topic '${topic.logical}' is frozen; unfreeze it first`);
  } else if (topic.description.state !== 'ACTIVE') {
    found.push(`topic '${topic.logical}' is ${topic.description.state}; only an ACTIVE topic can be migrated`);
  }
  if (topicNameFault(parameters.target.physical) !== undefined) {
    found.push(`the name of the new generation would be longer than ${MAX_TOPIC_NAME} characters`);
  }
  const { up, format } = parameters;
  if (up.filter === null && up.steps.length === 0 && format === null && Object.keys(request.config).length === 0) {
    found.push('nothing would change: there is no step, filter, format or setting');
  }
  if (topic.keyExpression !== null && (writesValues(up) || format !== null)) {
    found.push(
      `the keys of new records come from '${topic.keyExpression}' since a repartition, which reads values as they are now; repartition by the writers' keys first`,
    );
  }
  if (tally.unstable > 0) {
    found.push(
      `the transform is not deterministic: ${tally.unstable} of ${tally.records} records came to something else the second time`,
    );
  }
  if (parameters.poison.policy === 'fail') {
    for (const [poison, count] of tally.poison) {
      found.push(
        `${count} of ${tally.records} records looked at cannot be migrated: ${poison}; correct the transform, or choose poison.policy dlq or pass-through`,
      );
    }
  }
  for (const [place, count] of tally.lost) {
    found.push(
      `down does not restore ${place === '' ? 'the value' : `'${place}'`} in ${count} of ${tally.returned} records; name it in transform.lossy to accept that, or set reverseTail to false`,
    );
  }
  for (const [why, count] of tally.notReturned) {
    found.push(
      `down has no answer for ${count} of ${tally.returned} migrated records: ${why}; correct it, or set reverseTail to false`,
    );
  }
  return found;
}
