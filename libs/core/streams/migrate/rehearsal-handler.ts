import { AppError, type Clock, isJsonObject, type JsonObject } from '#libs/core/kernel';
import type { TopicDirectories } from '#libs/core/log';
import type { FailPoint, OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { MemberRuns, type TogetherParameters, togetherOf } from '../generations/member-runs.js';
import { lasting, PartitionCursor } from '../partition-cursor.js';
import {
  findingsOfReport,
  NOTHING_REHEARSED,
  type RehearsalReport,
  reportFromJson,
  reportToJson,
  withRehearsed,
} from './full-rehearsal.js';
import { newKeyOf } from './key-findings.js';
import { KeyPlaces } from './key-places.js';
import { keysChange } from './migration-router.js';
import type { MigrationParameters } from './parameters.js';
import { type MigrationTools, routerBack, rulesThere } from './plan.js';
import { rehearse } from './rehearsal.js';
import type { SampledRecord } from './sampled-records.js';

export interface RehearsalOptions extends MigrationTools {
  readonly directories: TopicDirectories;
  readonly clock: Clock;
  /** Named steps for crash tests, `migration-rehearsal:…`. */
  readonly failPoint?: FailPoint;
  readonly tuning?: Partial<RehearsalTuning>;
}

export interface RehearsalTuning {
  /** Records rehearsed together. */
  readonly together: number;
  /** Least time between two notes of how far it has come. */
  readonly noteEveryMs: number;
}

const TUNING: RehearsalTuning = { together: 200, noteEveryMs: 2_000 };

/** Records of a source partition that are rehearsed: from here up to, not including, there. Offsets as text. */
interface Range {
  readonly partition: number;
  readonly from: string;
  readonly until: string;
}

interface RehearsalParameters {
  readonly cluster: string;
  readonly topic: string;
  readonly physical: string;
  /** Hash of the plan of the migration. */
  readonly migration: string;
  readonly parameters: MigrationParameters;
  readonly ranges: readonly Range[];
}

/**
 * A full dry run of a planned migration: every record that the topic had when it was planned is migrated twice and brought back, and nothing is written. What was found, with the first places of
 * each finding, is the operation's `verification`. How far it has come and what was found are kept in one note, so that each record counts once wherever it is cut short.
 *
 * It holds nothing: what retention takes away or a cutover retires meanwhile is not looked at, and `records` says how many were.
 */
export class RehearsalHandler implements OperationHandler {
  readonly kind = 'migration-rehearsal';
  readonly phases: OperationHandler['phases'] = {
    PREPARING: async () => ({ next: 'VERIFYING' }),
    VERIFYING: (run) => {
      const together = togetherOf(run.parameters);
      return together === undefined ? this.#rehearse(run) : this.#rehearseAll(run, together);
    },
  };

  constructor(private readonly options: RehearsalOptions) {}

  accepts(json: JsonObject, fingerprint: JsonObject): boolean {
    const together = togetherOf(json);
    if (together !== undefined) {
      return together.members.every((one, i) => this.accepts(one, fingerprint[together.topics[i]!] as JsonObject));
    }
    const { cluster } = json as unknown as RehearsalParameters;
    return this.options.directories.clusters.standsFor(cluster, fingerprint['logId']);
  }

  /** @param request `migration`: hash of a migration's plan; `members`: what that plan works with, for each of its topics. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    const { migration, members } = request;
    if (typeof migration !== 'string' || !Array.isArray(members) || !members.every(isJsonObject)) throw notAMigration();
    const drafts: PlanDraft[] = [];
    for (const one of members) drafts.push(await this.#draft(migration, one as unknown as MigrationParameters));
    const topics = members.map(({ topic }) => String(topic));
    return drafts.length === 1 ? drafts[0]! : joined(topics, drafts);
  }

  async #draft(migration: string, parameters: MigrationParameters): Promise<PlanDraft> {
    const { cluster, topic } = parameters;
    const directory = this.options.directories.of(cluster);
    const { description, physical } = await directory.resolve(topic);
    const ranges = description.partitions.map(({ partition, startOffset, endOffset }): Range => {
      return { partition, from: String(startOffset), until: String(endOffset) };
    });
    const records = ranges.reduce((sum, one) => sum + Number(one.until) - Number(one.from), 0);
    return {
      // By the migration, so that several plans can be tried at the same time.
      subject: `rehearsal:${cluster}:${migration.slice(0, 12)}/${topic}`,
      parameters: JSON.parse(
        JSON.stringify({ cluster, topic, physical, migration, parameters, ranges } satisfies RehearsalParameters),
      ) as JsonObject,
      fingerprint: { logId: directory.engine.logId, topicId: description.id },
      steps: [
        `read about ${records} records of ${physical}, migrate each twice by transform ${parameters.version.slice(0, 12)} and bring it back`,
        'write nothing; report counts, poison by class, what is lost on the way back and what does not come to the same twice, with the first places of each',
      ],
      impact: { topic, migration },
      risks: [],
      blockers: [],
      estimates: { etaSeconds: null, pauseMs: 0, records, bytes: null },
    };
  }

  async fingerprint(json: JsonObject): Promise<JsonObject> {
    const together = togetherOf(json);
    if (together !== undefined) {
      const each: JsonObject = {};
      for (const [i, topic] of together.topics.entries()) each[topic] = await this.fingerprint(together.members[i]!);
      return each;
    }
    const { cluster, physical } = json as unknown as RehearsalParameters;
    const { engine } = this.options.directories.of(cluster);
    return { logId: engine.logId, topicId: (await engine.describeTopic(physical)).id };
  }

  async cancel(): Promise<void> {
    // Nothing was made.
  }

  async finish(): Promise<void> {
    // Nothing was made.
  }

  /** One topic after another, each with notes of its own. */
  async #rehearseAll(run: OperationRun, together: TogetherParameters): Promise<PhaseResult> {
    const members = new MemberRuns(run, together);
    for (const one of members.runs) await one.note((await this.#rehearse(one)).notes ?? {});
    return { next: 'FINISHED', notes: members.notes() };
  }

  async #rehearse(run: OperationRun): Promise<PhaseResult> {
    const { clock, failPoint } = this.options;
    const { together, noteEveryMs } = { ...TUNING, ...this.options.tuning };
    const asked = run.parameters as unknown as RehearsalParameters;
    const { ranges } = asked;
    let { positions, report } = begun(run.notes, ranges);
    const isDone = ranges.every(({ until }, i) => positions[i]! >= Number(until));
    const places =
      keysChange(asked.parameters) && !isDone ? await this.#keysBelow(asked, positions, run.signal) : undefined;
    let noted = clock.monotonic();
    for (const [i, { partition, until }] of ranges.entries()) {
      const cursor = await this.#cursor(asked, partition, positions[i]!);
      for (let next = positions[i]!; next < Number(until);) {
        const some = await take(cursor, partition, Number(until), together);
        await run.pace(some.records.length, some.bytes);
        const rehearsed = await this.#rehearsed(asked, some.records, run.signal);
        report = withRehearsed(report, rehearsed, asked.parameters.lossy, places);
        run.signal.throwIfAborted();
        next = some.next;
        positions = positions.map((one, at) => (at === i ? some.next : one));
        this.#report(run, ranges, positions, report);
        await failPoint?.('migration-rehearsal:step');
        if (clock.monotonic() - noted < noteEveryMs) continue;
        await run.note(notesOf(positions, report, asked.parameters, false));
        noted = clock.monotonic();
      }
    }
    return { next: 'FINISHED', notes: notesOf(positions, report, asked.parameters, true) };
  }

  /** Where the keys come from that were looked at before this was cut short: nothing but their new form is needed of the records. */
  async #keysBelow(asked: RehearsalParameters, positions: readonly number[], signal: AbortSignal): Promise<KeyPlaces> {
    const { together } = { ...TUNING, ...this.options.tuning };
    const places = new KeyPlaces();
    const there = rulesThere(asked.parameters, this.options, true);
    for (const [i, { partition, from }] of asked.ranges.entries()) {
      const until = positions[i]!;
      if (until <= Number(from)) continue;
      const cursor = await this.#cursor(asked, partition, Number(from));
      for (let next = Number(from); next < until;) {
        signal.throwIfAborted();
        const some = await take(cursor, partition, until, together);
        const records = some.records.map((one) => one.record);
        for (const [n, migrated] of (await there.migrate(records, partition)).entries()) {
          const key = newKeyOf(records[n]!, migrated);
          if (key !== null) places.add(key, partition);
        }
        next = some.next;
      }
    }
    return places;
  }

  /** What expired meanwhile is passed over. */
  async #cursor({ cluster, physical }: RehearsalParameters, partition: number, from: number): Promise<PartitionCursor> {
    const { engine } = this.options.directories.of(cluster);
    const { startOffset } = (await engine.describeTopic(physical)).partitions[partition]!;
    return new PartitionCursor(engine, physical, partition, Math.max(from, startOffset));
  }

  #rehearsed({ parameters }: RehearsalParameters, records: readonly SampledRecord[], signal: AbortSignal) {
    return rehearse(records, {
      topic: parameters.topic,
      there: rulesThere(parameters, this.options, true),
      back: parameters.reverseTail ? routerBack(parameters, this.options) : undefined,
      values: this.options.values,
      signal,
    });
  }

  #report(run: OperationRun, ranges: readonly Range[], positions: readonly number[], report: RehearsalReport): void {
    const partitions = ranges.map(({ partition, until }, i) => ({
      partition,
      position: String(positions[i]),
      end: until,
      lag: Math.max(0, Number(until) - positions[i]!),
    }));
    const left = partitions.reduce((sum, one) => sum + one.lag, 0);
    run.report({
      recordsDone: report.records,
      recordsTotal: report.records + left,
      totalIsEstimate: true,
      bytesDone: 0,
      partitions,
    });
  }
}

/** The rehearsals of several topics as one. */
function joined(topics: readonly string[], drafts: readonly PlanDraft[]): PlanDraft {
  const [first, ...others] = drafts as [PlanDraft, ...PlanDraft[]];
  const parameters: TogetherParameters = { topics, members: drafts.map((one) => one.parameters) };
  return {
    ...first,
    alsoOn: others.map((one) => one.subject),
    parameters: parameters as unknown as JsonObject,
    fingerprint: Object.fromEntries(drafts.map((one, i) => [topics[i]!, one.fingerprint])),
    steps: drafts.flatMap(({ steps }, i) => steps.map((step) => `${topics[i]}: ${step}`)),
    impact: { topics: [...topics], migration: first.impact['migration']! },
    estimates: { ...first.estimates, records: drafts.reduce((sum, one) => sum + (one.estimates.records ?? 0), 0) },
  };
}

/** The next records below an offset; `next` is that offset when there are no more. */
async function take(
  cursor: PartitionCursor,
  partition: number,
  until: number,
  most: number,
): Promise<{ readonly records: readonly SampledRecord[]; readonly next: number; readonly bytes: number }> {
  const records: SampledRecord[] = [];
  let bytes = 0;
  while (records.length < most) {
    const record = await cursor.peek();
    if (record === undefined || record.offset >= until) return { records, next: until, bytes };
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    records.push({ partition, record: lasting(record) });
    cursor.take();
  }
  return { records, next: cursor.position, bytes };
}

/** Where it goes on, and what was found below. */
function begun(
  notes: JsonObject,
  ranges: readonly Range[],
): { readonly positions: readonly number[]; readonly report: RehearsalReport } {
  const { rehearsed } = notes;
  if (!isJsonObject(rehearsed)) return { positions: ranges.map((one) => Number(one.from)), report: NOTHING_REHEARSED };
  const { positions, report } = rehearsed as { positions: string[]; report: JsonObject };
  return { positions: positions.map(Number), report: reportFromJson(report) };
}

function notesOf(
  positions: readonly number[],
  report: RehearsalReport,
  { poison: { policy } }: MigrationParameters,
  isDone: boolean,
): JsonObject {
  const { examples, records, same, changed, leftOut, poison, ...rest } = reportToJson(report);
  const findings = findingsOfReport(report, policy);
  const refused = Object.values(report.poison).reduce((sum, one) => sum + one, 0);
  return {
    rehearsed: { positions: positions.map(String), report: reportToJson(report) },
    errors: { read: report.records, leftOut: report.leftOut, poison: refused, byClass: { ...report.poison } },
    verification: {
      level: 'rehearsal',
      state: findings.length > 0 ? 'failed' : isDone ? 'passed' : 'running',
      checked: report.records,
      mismatches: [],
      ...{ same: same!, changed: changed!, leftOut: leftOut!, poison: poison! },
      ...rest,
      findings: [...findings],
      examples: examples!,
      records: records!,
    },
  };
}

function notAMigration(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'not-a-migration-plan',
    message: 'A rehearsal is of the plan of a migration.',
    hint: 'Ask for it with POST /v1/migrations/{plan}/rehearsal.',
  });
}
