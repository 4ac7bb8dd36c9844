import { Breath, type Clock, type JsonObject } from '#libs/core/kernel';
import { generationOf, type Clusters } from '#libs/core/log';
import { isOperationId, type OperationEngine } from '#libs/core/operations';
import { type SubjectName, type SubjectVersion, type VersionChoice, type VersionRow } from '#libs/core/registry';
import type { SchemaEngine } from '#libs/core/schema';
import { scanNotFound, scansBusy } from '../errors.js';
import { readRanges } from '../read-ranges.js';
import type { ScanLifetime } from '../scan-lifetime.js';
import { partsOf, type ScanStore } from '../scan-store.js';
import { rangesOf, unread, type ScannedRange } from '../scan.js';
import { surveyPartitions, type SurveyedPartition } from '../survey.js';
import { Census, type CensusPartition, type CountedStretch, type PartitionCount, type SchemaNames } from './census.js';
import { totalsOf, type ScanTotals, type TotalsPage } from './scan-totals.js';
import { tallyOf, UsageTally, type WantedNames } from './tally.js';
import {
  bindingsOf,
  recordReasons,
  usageReasons,
  verdictOf,
  type UsageReason,
  type UsageVerdict,
  type VersionFacts,
} from './verdict.js';
import { VersionNeeds, type VersionNeedsTools } from './version-needs.js';

export interface SchemaUsageTools extends VersionNeedsTools {
  readonly engine: SchemaEngine;
  readonly clusters: Clusters;
  readonly scans: ScanStore;
  readonly operations: Pick<OperationEngine, 'status' | 'planOf'>;
  readonly clock: Clock;
  readonly lifetime: ScanLifetime;
}

/** What one census may read of the log itself; what is beyond is a scan's. */
export interface CensusLimits {
  readonly records: number;
  readonly bytes: number;
}

const LIMITS: CensusLimits = { records: 200_000, bytes: 32 * 1024 * 1024 };
/** Censuses that read at the same time. */
const AT_ONCE = 2;

/** What is known of the use of a version. */
export interface VersionUsage extends VersionFacts {
  readonly found: SubjectVersion;
  readonly verdict: UsageVerdict;
  readonly reasons: readonly UsageReason[];
  readonly counts: readonly PartitionCount[];
  readonly census: Census;
}

/** What records say of the use of a version. */
export interface RecordUsage {
  readonly verdict: UsageVerdict;
  readonly records: number;
  readonly reasons: readonly UsageReason[];
}

/** Tells which retained records, schemas, topics and views need a version of a schema, and where that is not known. */
export class SchemaUsages {
  #reading = 0;

  constructor(
    private readonly tools: SchemaUsageTools,
    private readonly limits: CensusLimits = LIMITS,
  ) {}

  /**
   * What all retained records name, as of now: what a scan has counted, and what it has not, if that is little enough to be read here. What is more stays uncounted
   * and is said to be.
   * @param wanted the schemas that the census is to know of.
   * @param scan operation that counted, finished or not.
   * @throws `scan-not-found`, `scan-expired`, `scans-busy`.
   */
  async census(wanted: Iterable<SchemaNames>, scan: string | undefined, signal: AbortSignal): Promise<Census> {
    const all = [...wanted];
    const names = { ids: new Set(all.map(({ id }) => id)), guids: new Set(all.map(({ guid }) => guid)) };
    const { counted, elsewhere } = scan === undefined ? NOTHING_COUNTED : await this.#counted(scan, names);
    const { partitions, internal } = await surveyPartitions(this.tools.clusters);
    const known = partitions.map((partition) => {
      const earlier = counted.get(keyOf(partition));
      const from = Math.max(partition.from, earlier?.state.position ?? 0);
      return { partition, earlier, rest: unread({ ...partition, from: Math.min(from, partition.to) }) };
    });
    // What could not be read then is not read now.
    const open = known.filter((one) => one.earlier === undefined || one.earlier.state.trouble === null);
    const rests = open.map((one) => one.rest);
    const tally = await this.#read(rests, open, signal);
    const places = new Map(rests.map((rest, index) => [rest, index]));
    const here = known.map(({ partition, earlier, rest }): CensusPartition => {
      const stretches: CountedStretch[] = [];
      if (earlier?.tally !== undefined) {
        stretches.push({ from: earlier.state.range.from, tally: earlier.tally, earlier: true });
      }
      const now = places.has(rest) ? tally?.tally(places.get(rest)!) : undefined;
      if (now !== undefined) stretches.push({ from: rest.range.from, tally: now, earlier: false });
      const trouble = earlier?.state.trouble ?? rest.trouble;
      return { partition, upTo: rest.position, stretches, trouble, isHere: true };
    });
    const logs = this.tools.clusters.names().length;
    return new Census([...here, ...elsewhere.map(partitionElsewhere)], internal, scan ?? null, logs);
  }

  /** @throws `subject-not-found`, `version-not-found`, and as {@link census}. */
  async usageOf(
    subject: SubjectName,
    choice: VersionChoice,
    scan: string | undefined,
    signal: AbortSignal,
  ): Promise<VersionUsage> {
    const { registry, engine } = this.tools;
    const found = await registry.version(subject, choice, true);
    const census = await this.census([found.schema], scan, signal);
    const { row, schema } = found;
    const [entry, reading] = await Promise.all([
      registry.view.entry(schema.context, schema.id),
      registry.view.source(schema).then((source) => engine.read(source)),
    ]);
    const carriers = (entry?.usages ?? []).filter(
      (one) => one.version !== row.version || one.subject.name !== found.subject.name,
    );
    const counts = census.count(schema.id, [schema.guid]);
    const needs = new VersionNeeds(this.tools, census);
    const version = { subject: found.subject, version: row.version };
    const facts = await needs.of(version, new Set(reading.outline.names), carriers, counts);
    const reasons = usageReasons(facts, census, counts);
    return { ...facts, found, verdict: verdictOf(reasons), reasons, counts, census };
  }

  /** What records say of versions, subject by subject in the order given. Versions that are not there are left out. @throws as {@link census}. */
  async recordsOf(
    asked: readonly { readonly subject: SubjectName; readonly versions: readonly number[] }[],
    scan: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly ReadonlyMap<number, RecordUsage>[]> {
    const { registry, clock } = this.tools;
    const breath = new Breath(clock);
    const rows: (readonly VersionRow[])[] = [];
    for (const { subject, versions } of asked) {
      const wanted = new Set(versions);
      rows.push((await registry.versions(subject)).filter(({ version }) => wanted.has(version)));
      await breath.take();
    }
    const names = rows.flat().map(({ schemaId: id, guid }) => ({ id, guid }));
    const census = await this.census(names, scan, signal);
    const topics = topicsIn(census);
    const found: ReadonlyMap<number, RecordUsage>[] = [];
    for (const [i, { subject }] of asked.entries()) {
      const bindings = bindingsOf(subject, topics, new Set());
      const usages = new Map<number, RecordUsage>();
      for (const { version, schemaId: id, guid } of rows[i]!) {
        const counts = census.count(id, [guid]);
        const reasons = recordReasons(census, counts, bindings);
        const records = counts.reduce((sum, one) => sum + one.keys + one.values, 0);
        usages.set(version, { verdict: verdictOf(reasons), records, reasons });
        await breath.take();
        signal.throwIfAborted();
      }
      found.push(usages);
    }
    return found;
  }

  /** Reads what is left, if it is little; nothing otherwise. Where sizes are not known, reading ends at the limit. */
  async #read(
    rests: readonly ScannedRange[],
    about: readonly { readonly partition: SurveyedPartition }[],
    signal: AbortSignal,
  ): Promise<UsageTally | undefined> {
    const { clusters, clock } = this.tools;
    const records = rests.reduce((sum, { range }) => sum + range.to - range.from, 0);
    if (records === 0) return undefined;
    const bytes = rests.reduce((sum, { range }, i) => sum + bytesOf(range, about[i]!.partition), 0);
    if (records > this.limits.records || bytes > this.limits.bytes) return undefined;
    if (this.#reading >= AT_ONCE) throw scansBusy(AT_ONCE);
    this.#reading++;
    try {
      const fold = new UsageTally();
      let left = this.limits.bytes;
      await readRanges(
        rests,
        { clusters, clock, fold },
        { signal, admit: async (_records, size) => (left -= size) >= 0, settled: async () => undefined },
      );
      return fold;
    } finally {
      this.#reading--;
    }
  }

  /** What a scan has counted so far, by name, a page of it. @param visible logical topics that count. @throws `scan-not-found`, `scan-expired`. */
  async totals(scan: string, visible: (topic: string) => boolean, page: TotalsPage): Promise<ScanTotals> {
    const { scans, clock } = this.tools;
    return totalsOf(rangesOf(await this.#parameters(scan)), partsOf(scans, scan, clock), visible, page);
  }

  async #counted(scan: string, wanted: WantedNames): Promise<CountedBefore> {
    const { scans, clock, clusters } = this.tools;
    const parameters = await this.#parameters(scan);
    const ranges = rangesOf(parameters);
    const counted = new Map<string, Counted>();
    for (const range of ranges) counted.set(keyOf(range), { state: unread(range), tally: undefined });
    for await (const { index, position, gone, trouble, summary } of partsOf(scans, scan, clock)) {
      const range = ranges[index]!;
      counted.set(keyOf(range), { state: { range, position, gone, trouble }, tally: tallyOf(summary, wanted) });
    }
    const logs = parameters['logs'] as JsonObject;
    const isHere = ({ cluster }: { readonly cluster: string }): boolean => clusters.standsFor(cluster, logs[cluster]);
    const elsewhere = [...counted.values()].filter(({ state }) => !isHere(state.range));
    return { counted, elsewhere };
  }

  async #parameters(scan: string): Promise<JsonObject> {
    const { operations, lifetime } = this.tools;
    if (!isOperationId(scan)) throw scanNotFound(scan);
    const status = await operations.status(scan);
    if (status.kind !== 'schema-usage' || status.phase === 'CANCELLED') throw scanNotFound(scan);
    lifetime.demand(scan, status.endedAt);
    return (await operations.planOf(status.planHash)).parameters;
  }
}

interface Counted {
  readonly state: ScannedRange;
  readonly tally: CountedStretch['tally'] | undefined;
}

/** What a scan has counted. */
interface CountedBefore {
  /** By partition. */
  readonly counted: ReadonlyMap<string, Counted>;
  /** Those of logs that this instance does not have. */
  readonly elsewhere: readonly Counted[];
}

const NOTHING_COUNTED: CountedBefore = { counted: new Map(), elsewhere: [] };

/** Instances may share a database and have logs of their own: what one has counted is true for the others, and what has come since they cannot know. */
function partitionElsewhere({ state: { range, position, trouble }, tally }: Counted): CensusPartition {
  const partition = { ...range, ...generationOf(range.topic), sizeBytes: null, compacted: true };
  const stretches = tally === undefined ? [] : [{ from: range.from, tally, earlier: true }];
  return { partition, upTo: position, stretches, trouble: trouble ?? LOG_ELSEWHERE, isHere: false };
}

const LOG_ELSEWHERE = {
  code: 'log-elsewhere',
  message: 'Its log is not at this instance: what has come since the scan is not known here.',
};

/** A partition of a topic that was made anew under its name is another one. */
function keyOf(range: Pick<SurveyedPartition, 'cluster' | 'topic' | 'topicId' | 'partition'>): string {
  return JSON.stringify([range.cluster, range.topic, range.topicId, range.partition]);
}

/** Bytes of a stretch, as far as the engine tells; what it does not tell is found out while reading. */
function bytesOf({ from, to }: ScannedRange['range'], partition: SurveyedPartition): number {
  const all = partition.to - partition.from;
  return partition.sizeBytes === null || all === 0 ? 0 : (partition.sizeBytes * (to - from)) / all;
}

/** Each topic once. */
function topicsIn({ partitions }: Census): readonly SurveyedPartition[] {
  const topics = new Map<string, SurveyedPartition>();
  for (const { partition } of partitions) topics.set(`${partition.cluster}/${partition.logical}`, partition);
  return [...topics.values()];
}
