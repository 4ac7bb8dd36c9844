import { AppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import { isCompacted, type LogEngine, physicalName, type ResolvedTopic, type TopicNames } from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import { nextGeneration } from '../generations/topic-facts.js';
import type { DerivationKind, StoredDerivation } from './derivation.js';
import type { DerivationProgress } from './derivation-progress.js';

/** What a rebuild works with. */
export interface RebuildParameters {
  readonly cluster: string;
  /** Of the derivation, and of the topic it writes. */
  readonly name: string;
  /** A derivation of that name created later is another one. */
  readonly derivationId: string;
  readonly from: number;
  readonly to: number;
  readonly onDifference: 'stop' | 'switch';
}

/** What somebody asks for. */
export interface RebuildRequest {
  readonly cluster: string | undefined;
  readonly name: string;
  readonly onDifference: 'stop' | 'switch';
  readonly acceptLoss: boolean;
  readonly cutover: 'automatic' | 'manual';
}

export const parametersOf = (json: JsonObject): RebuildParameters => json as unknown as RebuildParameters;

/** @throws `invalid-rebuild-request` */
export function parseRebuildRequest(json: JsonObject): RebuildRequest {
  const { cluster, name, onDifference = 'stop', acceptLoss = false, cutover = {} } = json;
  if (typeof name !== 'string') throw invalidRequest('name', 'must name a derivation');
  if (onDifference !== 'stop' && onDifference !== 'switch') throw invalidRequest('onDifference', 'is stop or switch');
  if (typeof acceptLoss !== 'boolean') throw invalidRequest('acceptLoss', 'is true or false');
  const mode = isJsonObject(cutover) ? (cutover['mode'] ?? 'auto') : undefined;
  if (mode !== 'auto' && mode !== 'manual') throw invalidRequest('cutover.mode', 'is auto or manual');
  return {
    cluster: typeof cluster === 'string' ? cluster : undefined,
    name,
    onDifference,
    acceptLoss,
    cutover: mode === 'auto' ? 'automatic' : 'manual',
  };
}

/** What the plan relies on. Where its source stands moves all the time and is followed. */
export async function fingerprintOf(
  engine: LogEngine,
  names: TopicNames,
  { definition, state }: StoredDerivation,
  source: ResolvedTopic,
): Promise<JsonObject> {
  return {
    logId: engine.logId,
    derivationId: definition.id,
    state,
    sourceTopicId: source.description.id,
    generation: (await names.find(engine.logId, definition.name))?.generation ?? 1,
  };
}

/** The whole plan. Reads, changes nothing. @param progress where the present generation stands, undefined where that is not known here */
export async function draftRebuild(
  engine: LogEngine,
  names: TopicNames,
  cluster: string,
  stored: StoredDerivation,
  source: ResolvedTopic,
  progress: DerivationProgress | undefined,
  request: RebuildRequest,
): Promise<PlanDraft> {
  const { definition } = stored;
  const { name } = definition;
  const from = (await names.find(engine.logId, name))?.generation ?? 1;
  const to = await nextGeneration(engine, names, name);
  const records = source.description.partitions.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0);
  const lost = whatIsGone(definition.kind, source, progress);
  const parameters: RebuildParameters = {
    cluster,
    name,
    derivationId: definition.id,
    from,
    to,
    onDifference: request.onDifference,
  };
  return {
    subject: `topic:${cluster}/${name}`,
    parameters: parameters as unknown as JsonObject,
    fingerprint: await fingerprintOf(engine, names, stored, source),
    steps: [
      `create ${physicalName(name, to)}, closed to everybody else`,
      `compute it anew from ${records} records of ${definition.source}, and follow its writers`,
      'verify: compare it with the present stream, key by key, at one position of the source',
      `switch: the name ${name} stands for it; readers read it from its beginning`,
      `finish, when you say so: delete ${physicalName(name, from)}`,
    ],
    impact: {
      derivation: name,
      from: physicalName(name, from),
      to: physicalName(name, to),
      regenerable: lost.length === 0,
    },
    risks: request.acceptLoss ? lost : [],
    blockers: [
      ...(stored.state === 'RUNNING' ? [] : [`the derivation is ${stored.state}; resume it first`]),
      ...(request.acceptLoss ? [] : lost.map((one) => `${one}; ask with acceptLoss to rebuild without it`)),
    ],
    controls: { cutover: request.cutover },
    estimates: { etaSeconds: null, pauseMs: 0, records, bytes: null },
  };
}

/** What the present stream was made of and the source no longer has. */
function whatIsGone(
  kind: DerivationKind,
  { description, generation }: ResolvedTopic,
  progress: DerivationProgress | undefined,
): string[] {
  if (progress === undefined) return [];
  const isSame = progress.position.generation === generation;
  const gone = description.partitions.filter(
    ({ partition, startOffset }) => startOffset > (isSame ? (progress.historyStart[partition] ?? 0) : 0),
  );
  return [
    ...gone.map(
      ({ partition, startOffset }) =>
        `the source has lost its records before offset ${startOffset} of partition ${partition}`,
    ),
    ...(kind === 'versioned' && isCompacted(description.config)
      ? ['the source is compacted: states between may be gone']
      : []),
  ];
}

function invalidRequest(path: string, message: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-rebuild-request',
    message: `The request to rebuild is not valid: '${path}' ${message}.`,
    items: [{ path, message }],
  });
}
