import { createHash } from 'node:crypto';
import { stableJson, type JsonObject } from '#libs/core/kernel';
import { logErrors, type ResolvedTopic, type TopicDirectories, type TopicDirectory } from '#libs/core/log';
import type { OperationRun, PlanDraft } from '#libs/core/operations';
import { DEFAULT_CONTEXT, ReferenceWalk, type Registry } from '#libs/core/registry';
import type { AddressedPart, SchemaEngine, SchemaSource } from '#libs/core/schema';
import { evenShares } from '../even-shares.js';
import { ScanHandler, type ScanFold, type ScanTools } from '../scan-handler.js';
import { rangesToJson, type ScanRange } from '../scan.js';
import { partitionsOf } from '../survey.js';
import { RecordTrials } from './record-trials.js';
import {
  candidateOf,
  candidateToJson,
  replayRequest,
  type ReplayBound,
  type ReplayRequest,
} from './replay-parameters.js';
import { ReplayTally } from './replay-tally.js';

export interface ReplayTools extends ScanTools {
  readonly directories: TopicDirectories;
  readonly registry: Registry;
  readonly engine: SchemaEngine;
}

/** Tries a candidate on the keys or values that a topic retains: each is what the schema that it names wrote, read by the candidate. */
export class ReplayHandler extends ScanHandler {
  readonly kind = 'schema-replay';

  constructor(protected override readonly tools: ReplayTools) {
    super(tools);
  }

  /**
   * @throws `scan-invalid`, `topic-not-found`, `partition-not-found`, `cluster-not-found`; `schema-invalid` and what else reading a candidate throws,
   * `reference-not-found`.
   */
  async plan(json: JsonObject): Promise<PlanDraft> {
    const { directories, clusters } = this.tools;
    const request = replayRequest(json);
    const cluster = request.cluster ?? clusters.defaultName;
    const directory = directories.of(cluster);
    const topic = await directory.resolve(request.topic);
    const candidate = candidateToJson(await this.#candidate(request));
    const ranges = await rangesIn(cluster, directory, topic, request);
    const records = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    const logs = { [cluster]: directory.engine.logId };
    const { part, bytes, failures } = request;
    // One replay of a candidate at a time; other candidates may be tried on the topic beside it.
    const digest = createHash('sha256')
      .update(stableJson([candidate, part]))
      .digest('hex')
      .slice(0, 16);
    return {
      subject: `replay:${cluster}:${digest}/${request.topic}`,
      parameters: {
        logs,
        cluster,
        topic: request.topic,
        generation: topic.generation,
        part,
        candidate,
        bytes: bytes ?? null,
        failures,
        ranges: rangesToJson(ranges),
      },
      fingerprint: logs,
      steps: [
        `read the ${part}s up to the offsets of the plan`,
        'read each, as the schema that it names wrote it, by the candidate',
        'count by partition and writer what was read, and list the first failures',
      ],
      impact: { partitions: ranges.length, records },
      risks: [],
      blockers: [],
      estimates: { etaSeconds: null, pauseMs: null, records, bytes: null },
    };
  }

  protected async fold({ parameters }: Pick<OperationRun, 'parameters'>): Promise<ScanFold> {
    const { registry, engine } = this.tools;
    const trials = new RecordTrials(registry, engine, candidateOf(parameters));
    const maxBytes = (parameters['bytes'] as number | null) ?? Infinity;
    return new ReplayTally(parameters['part'] as AddressedPart, trials, parameters['failures'] as number, maxBytes);
  }

  /** The candidate with what it refers to, found to be one that can read something. */
  async #candidate({ schemaType, schema: text, references: sent }: ReplayRequest): Promise<SchemaSource> {
    const { registry, engine } = this.tools;
    const chain = await registry.view.consistent(() =>
      new ReferenceWalk(registry.view, 'live').resolve(DEFAULT_CONTEXT, sent),
    );
    const referencesKey = sent.length === 0 ? '' : chain.key;
    const candidate = { schemaType, text, references: chain.resolved, referencesKey };
    await engine.codec(candidate);
    return candidate;
  }
}

/** What is to be read. @throws `partition-not-found`. */
async function rangesIn(
  cluster: string,
  { engine }: TopicDirectory,
  { logical, description }: ResolvedTopic,
  { partitions, from, to, last, records }: ReplayRequest,
): Promise<readonly ScanRange[]> {
  const all = partitionsOf(cluster, description);
  const chosen = partitions?.map((number) => {
    const one = all.find(({ partition }) => partition === number);
    if (one === undefined) throw logErrors.partitionNotFound(logical, number, all.length);
    return one;
  });
  const bounded: ScanRange[] = [];
  for (const { topic, topicId, partition, from: start, to: end } of chosen ?? all) {
    const offsetOf = async (bound: ReplayBound | undefined, otherwise: number): Promise<number> => {
      if (bound === undefined) return otherwise;
      if ('offset' in bound) return Math.min(Math.max(bound.offset, start), end);
      return (await engine.offsetForTimestamp({ topic, partition }, bound.timestampMs)) ?? end;
    };
    const stop = await offsetOf(to, end);
    const begin = last === undefined ? await offsetOf(from, start) : Math.max(start, stop - last);
    bounded.push({ cluster, topic, topicId, partition, from: Math.min(begin, stop), to: stop });
  }
  return records === undefined ? bounded : newest(bounded, records);
}

/** The newest offsets of each range, evenly, so many in all at most. */
function newest(ranges: readonly ScanRange[], records: number): readonly ScanRange[] {
  const shares = evenShares(
    ranges.map(({ from, to }) => to - from),
    records,
  );
  return ranges.map((range, i) => ({ ...range, from: range.to - shares[i]! }));
}
