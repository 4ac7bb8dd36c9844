import { AppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import { keyOfText, type LogEngine, physicalName, type TopicNames } from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import { type GenerationParameters, parametersToJson } from '../generations/parameters.js';
import { nextGeneration } from '../generations/topic-facts.js';
import type { StoredDerivation } from './derivation.js';
import { deadLettersOf, lateRecordsOf, settingsOf, topicsBeside } from './derivation-topics.js';
import { erasedKey } from './erased-keys.js';

/** Most keys of one erasure. */
export const MAX_ERASED_KEYS = 1_000;
const MAX_PAUSE_MS = 600_000;

/** What an erasure works with. The topic is the one that the derivation writes. */
export interface ErasureParameters extends GenerationParameters {
  /** A derivation of that name created later is another one. */
  readonly derivationId: string;
  /** What stands for the keys: see {@link erasedKey}. The keys themselves are not kept. */
  readonly keys: readonly string[];
}

/** What somebody asks for. */
export interface ErasureRequest {
  readonly cluster: string | undefined;
  readonly name: string;
  readonly keys: readonly Uint8Array[];
  readonly cutover: 'automatic' | 'manual';
}

export const erasureParametersOf = (json: JsonObject): ErasureParameters => json as unknown as ErasureParameters;

/** @throws `invalid-erasure-request` */
export function parseErasureRequest(json: JsonObject): ErasureRequest {
  const { cluster, name, keys, cutover = {} } = json;
  if (typeof name !== 'string') throw invalidRequest('name', 'must name a derivation');
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_ERASED_KEYS)
    throw invalidRequest('keys', `must list 1 to ${MAX_ERASED_KEYS} keys`);
  const bytes = keys.map((key, i) => {
    const found = typeof key === 'string' ? keyOfText(key) : undefined;
    if (found === undefined)
      throw invalidRequest(`keys[${i}]`, "must be the text of a key, or 'base64:' and its bytes");
    return found;
  });
  const mode = isJsonObject(cutover) ? (cutover['mode'] ?? 'auto') : undefined;
  if (mode !== 'auto' && mode !== 'manual') throw invalidRequest('cutover.mode', 'is auto or manual');
  return {
    cluster: typeof cluster === 'string' ? cluster : undefined,
    name,
    keys: bytes,
    cutover: mode === 'auto' ? 'automatic' : 'manual',
  };
}

/** What the plan relies on. Where its source and the stream itself stand moves all the time and is followed. */
export async function erasureFingerprint(
  engine: LogEngine,
  names: TopicNames,
  { definition }: StoredDerivation,
): Promise<JsonObject> {
  return {
    logId: engine.logId,
    derivationId: definition.id,
    generation: (await names.find(engine.logId, definition.name))?.generation ?? 1,
    nextGeneration: await nextGeneration(engine, names, definition.name),
  };
}

/** The whole plan. Reads, changes nothing. @param readers views and derivations that read the stream, by name */
export async function draftErasure(
  engine: LogEngine,
  names: TopicNames,
  cluster: string,
  stored: StoredDerivation,
  readers: readonly string[],
  request: ErasureRequest,
): Promise<PlanDraft> {
  const { definition } = stored;
  const { name: topic, id: derivationId } = definition;
  const fingerprint = await erasureFingerprint(engine, names, stored);
  const [generation, next] = [fingerprint['generation'] as number, fingerprint['nextGeneration'] as number];
  const from = physicalName(topic, generation);
  const present = await engine.describeTopic(from);
  const partitions = present.partitions.length;
  const records = present.partitions.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0);
  const keys = [...new Set(request.keys.map((key) => erasedKey(derivationId, key)))].sort();
  const side = { partitions, keyExpression: null, partitioner: null };
  const parameters: ErasureParameters = {
    cluster,
    topic,
    source: { ...side, physical: from, generation },
    target: { ...side, physical: physicalName(topic, next), generation: next },
    // Where nothing keeps a compaction away, what was copied may be gone from the source when it is read again.
    verification: definition.kind === 'versioned' || engine.capabilities.retentionHolds ? 'full' : 'readback',
    groups: 'exact',
    maxPauseMs: MAX_PAUSE_MS,
    reverseTail: false,
    config: settingsOf(definition),
    deadLetters: null,
    derivationId,
    keys,
  };
  const beside = topicsBeside(definition);
  return {
    subject: `topic:${cluster}/${topic}`,
    parameters: parametersToJson(parameters),
    fingerprint,
    steps: [
      `create ${parameters.target.physical}, closed to everybody else`,
      `copy ${records} records into it, without those of ${keys.length} keys`,
      'verify: read it back, compare it with the present stream, and look for records of the keys',
      `switch: the derivation rests while the rest is copied, then the name ${topic} stands for it; groups go on exactly where they were`,
      `finish, when you say so: delete ${from}, which still has the keys`,
    ],
    impact: {
      derivation: topic,
      from,
      to: parameters.target.physical,
      keys: keys.length,
      topics: [topic],
    },
    risks: [
      `${definition.source} is not touched: what it has of the keys stays there, and what is written of them from now on makes them new keys`,
      ...readers.map(
        (reader) => `${reader} keeps what it has read of the keys: erase them there, too, or build it anew`,
      ),
      ...(beside.includes(deadLettersOf(definition)) || beside.includes(lateRecordsOf(definition))
        ? [
            `${beside.join(' and ')} may have records of the keys: migrate ${beside.length > 1 ? 'them' : 'it'} with a filter`,
          ]
        : []),
    ],
    blockers: [],
    controls: { cutover: request.cutover, maxPauseMs: MAX_PAUSE_MS },
    estimates: { etaSeconds: null, pauseMs: 0, records, bytes: null },
  };
}

function invalidRequest(path: string, message: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-erasure-request',
    message: `The request to erase keys is not valid: '${path}' ${message}.`,
    items: [{ path, message }],
  });
}
