import { impossible, type JsonObject } from '#libs/core/kernel';
import { checkTopicConfig, integerSetting, physicalName } from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import { controlsOf } from '../generations/cutover-request.js';
import type { PlanContext } from '../generations/kind.js';
import { parametersToJson } from '../generations/parameters.js';
import { fingerprintOf, groupsOn, nextGeneration } from '../generations/topic-facts.js';
import type { Router } from '../copy/router.js';
import { keysChange, MigrationRouter } from './migration-router.js';
import type { MigrationParameters, MigrationRequest, WantedFormat } from './parameters.js';
import { ParkingRouter } from './parking-router.js';
import { keyBlockersOf, orderOf } from './key-findings.js';
import { blockersOf, risksOf } from './plan-findings.js';
import { NO_TRANSFORM, programToJson, type TransformProgram, transformVersion } from './program.js';
import type { RecordValues, ValueFormat } from './record-values.js';
import { rehearse, type RehearsalTally, tallyOf } from './rehearsal.js';
import { sampleRecords } from './sampled-records.js';
import type { SchemaIdRules } from './schema-id-rewriter.js';
import type { SchemaIds } from './schema-ids.js';
import { idsToJson, untranslatedIn } from './untranslated.js';
import type { Transforms } from './transforms.js';

/** What migrations are made with. */
export interface MigrationTools {
  readonly transforms: Transforms;
  readonly values: RecordValues;
  readonly schemaIds: SchemaIds;
}

/** Records a plan is rehearsed with. */
export const PLAN_SAMPLE = 1_000;
/** A cutover verifies a small rest: what it takes beside waiting for groups. */
const PAUSE_ESTIMATE_MS = 500;
/** A record is migrated for the copy and for its verification; writing and reading it back take about as long again. */
const WORK_FACTOR = 3;

/**
 * The router to the new side. Deterministic, so that the copy and its verification apply the same rules. `revisions` took the place of the plan's transform, one after another.
 */
export function routerThere(
  parameters: MigrationParameters,
  tools: MigrationTools,
  revisions: readonly TransformProgram[],
): Router {
  const { parking } = parameters;
  if (!parking) return rulesThere(parameters, tools);
  const made = new Map<number, MigrationRouter>();
  const rulesOf = (revision: number): MigrationRouter => {
    const up = revision === 0 ? parameters.up : revisions[revision - 1];
    if (up === undefined) impossible(`there is no revision ${revision} of the transform`);
    const rules = made.get(revision) ?? rulesThere({ ...parameters, up }, tools);
    made.set(revision, rules);
    return rules;
  };
  return new ParkingRouter(rulesOf, parking.lettered);
}

/** What becomes of each record by itself, on its way to the new side. */
export function rulesThere(
  parameters: MigrationParameters,
  tools: MigrationTools,
  isRehearsal = false,
): MigrationRouter {
  const { topic, source, up: program, format, poison, config, parking, schemaIds = null } = parameters;
  const { rawSource: raw = null, key = null, partitioner = null } = parameters;
  const maxBatchBytes = integerSetting(config, 'max.message.bytes');
  const parks = Boolean(parking);
  const { partitions } = source;
  const keyed = { key, partitioner };
  const rules = { topic, partitions, program, raw, format, schemaIds, ...keyed, poison, maxBatchBytes, parks };
  return new MigrationRouter(rules, tools.transforms, tools.values, tools.schemaIds, isRehearsal);
}

/** The router of the way back: a record it has no answer for ends it. */
export function routerBack(parameters: MigrationParameters, tools: MigrationTools): MigrationRouter {
  const { topic, source, formatBack: format, oldMaxBytes: maxBatchBytes } = parameters;
  const { rawBack: raw = null, keyBack: key = null, partitioner = null } = parameters;
  const poison = { policy: 'fail' as const, maxCount: null, maxRatio: null };
  const program = parameters.down ?? NO_TRANSFORM;
  const schemaIds = idsBack(parameters.schemaIds ?? null);
  const { partitions } = source;
  const keyed = { key, partitioner };
  const rules = { topic, partitions, program, raw, format, schemaIds, ...keyed, poison, maxBatchBytes };
  return new MigrationRouter(rules, tools.transforms, tools.values, tools.schemaIds, false);
}

/** The names of schemas as the old side has them; nothing is registered for it. */
function idsBack(rules: SchemaIdRules | null): SchemaIdRules | null {
  if (rules === null) return null;
  const { from, to, strict, keys = false } = rules;
  return { from: { registry: null, context: to }, to: from.context, register: false, strict, keys };
}

/** The whole plan. Reads, changes nothing. @throws `invalid-transform`, `invalid-topic-config`, what `RecordValues.resolve` does. */
export async function draftMigration(
  context: PlanContext,
  tools: MigrationTools,
  request: MigrationRequest,
): Promise<PlanDraft> {
  const { engine, names, cluster, topic } = context;
  for (const program of [request.up, request.down ?? NO_TRANSFORM]) {
    if (program.filter !== null || program.steps.length > 0) await tools.transforms.check(program);
  }
  checkTopicConfig(request.config, engine.capabilities.topicConfigs);
  const parameters = await resolve(context, tools, request);
  const began = context.monotonic();
  const samples = await sampleRecords(engine, topic.description, Math.min(PLAN_SAMPLE, context.sampleRecords));
  const back = parameters.reverseTail ? routerBack(parameters, tools) : undefined;
  const there = rulesThere(parameters, tools, true);
  const rehearsed = await rehearse(samples, { topic: topic.logical, there, back, values: tools.values });
  const untranslated = await untranslatedIn(samples, parameters, tools);
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
      ...(parameters.schemaIds ? { schemaIds: idsToJson(parameters.schemaIds, untranslated) } : {}),
      order: orderOf(parameters),
      rehearsal: tallyToJson(tally, request.lossy),
      translation: groups.map(({ group, members, lag }) => {
        return { group, members, lag, translation: keysChange(parameters) ? parameters.groups : 'exact' };
      }),
      readers: [...context.readers],
      rollback: rollbackPromise(parameters),
    },
    risks: risksOf(context, parameters, tally, groups, untranslated),
    blockers: [
      ...blockersOf(context, parameters, request, tally, untranslated),
      ...keyBlockersOf(context, parameters, groups, rehearsed),
    ],
    controls: controlsOf(request.cutover),
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
  const { keyExpression, partitioner } = topic;
  const side = { partitions: partitions.length, keyExpression, partitioner };
  const wanted = request.format;
  // Bytes that nobody gives another format stay bytes.
  const format = wanted === undefined ? request.source : await formatFor(values, wanted, `${topic.logical}-value`);
  const keyFormat = request.key && (await formatFor(values, request.key.format, `${topic.logical}-key`));
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
    reverseTail:
      request.reverseTail &&
      request.down !== undefined &&
      // Another registry is only read, and not by content.
      (request.schemaIds === null || request.schemaIds.from.registry === null) &&
      engine.capabilities.fencing === 'topic',
    config: Object.fromEntries(Object.entries(settings).filter((one): one is [string, string] => one[1] !== null)),
    deadLetters: request.poison.policy === 'dlq' ? `${topic.logical}.dlq` : null,
    up: request.up,
    down: request.down ?? null,
    lossy: request.lossy,
    format,
    rawSource: request.source,
    rawBack: format?.kind === 'raw' ? format : null,
    formatBack: format === null ? null : (request.source ?? (await formatOfOldSide(context, values))),
    oldMaxBytes: integerSetting(config, 'max.message.bytes'),
    schemaIds: request.schemaIds,
    partitioner,
    key: request.key === undefined || keyFormat === undefined ? null : { raw: request.key.source, format: keyFormat },
    keyBack:
      request.key === undefined || keyFormat === undefined
        ? null
        : {
            raw: keyFormat.kind === 'raw' ? keyFormat : null,
            format: request.key.source ?? (await formatOfOldSide(context, values, 'key')),
          },
    poison: request.poison,
    parking: parkingOf(request),
    automatic: request.cutover.mode === 'automatic',
    version: transformVersion(request.up),
  };
}

/** A format somebody wants, pinned to its schema. */
async function formatFor(values: RecordValues, wanted: WantedFormat, subject: string): Promise<ValueFormat> {
  if (wanted.kind !== 'schema') return wanted;
  return await values.resolve({ ...wanted, subject: wanted.subject ?? subject });
}

/** Settings alone leave every record as it is, and nothing can be wrong with any. */
function parkingOf({ up, format, poison, schemaIds, key }: MigrationRequest): MigrationParameters['parking'] {
  const touches =
    up.filter !== null || up.steps.length > 0 || format !== undefined || schemaIds !== null || key !== undefined;
  if (!touches || (poison.policy !== 'dlq' && poison.policy !== 'park-by-key')) return null;
  return { leave: poison.leaveParked === true, lettered: poison.policy === 'dlq' };
}

/** What values, or keys, of the old side are written as: the schema most of a sample names. */
async function formatOfOldSide(
  { engine, topic }: PlanContext,
  values: RecordValues,
  part: 'key' | 'value' = 'value',
): Promise<ValueFormat> {
  const counts = new Map<string, number>();
  for (const { record } of await sampleRecords(engine, topic.description, PLAN_SAMPLE)) {
    const bytes = record[part];
    if (bytes === null) continue;
    const schema = await Promise.resolve(values.read(topic.logical, bytes, record.headers, part)).then(
      (one) => one.schema,
      () => undefined,
    );
    if (schema === undefined) continue;
    const format: ValueFormat =
      schema === null
        ? { kind: 'json' }
        : {
            kind: 'schema',
            subject: `${topic.logical}-${part}`,
            ...schema,
            ...(part === 'key' ? { inHeader: false } : {}),
          };
    const text = JSON.stringify(format);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most === undefined ? { kind: 'json' } : (JSON.parse(most[0]) as ValueFormat);
}

function formatText(format: ValueFormat | null): string {
  if (format === null) return 'as each record came';
  if (format.kind === 'raw') return `bytes (${format.encoding})`;
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
    dlq: `records that cannot be migrated go to ${deadLetters} as they are, and can be redriven until the switch`,
    'park-by-key': `records that cannot be migrated, and all later ones of their keys, are parked until they are redriven${poison.leaveParked === true ? '; what is parked at the switch is left out' : ', which the switch waits for'}`,
    'pass-through': 'records that cannot be migrated go on as they are',
  };
  return [
    `create ${target.physical} with ${target.partitions} partitions, closed to writers; retention and compaction wait until the switch`,
    `copy about ${records} records of ${source.physical} through transform ${parameters.version.slice(0, 12)}, and follow its writers`,
    poisoned[poison.policy],
    parameters.verification === 'write-side'
      ? 'verify when the cutover is asked for, not while it copies: read the target back and compare order, counts and digests'
      : parameters.verification === 'full'
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
