import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { OperationProgress, OperationRun, PhaseResult } from '#libs/core/operations';

/** What several topics of one operation are worked on with: parameters of each, in order. */
export interface TogetherParameters {
  /** Logical names. */
  readonly topics: readonly string[];
  /** Of a generation operation each. */
  readonly members: readonly JsonObject[];
}

/** The parameters, where an operation is one of several topics. */
export function togetherOf(parameters: JsonObject): TogetherParameters | undefined {
  return Array.isArray(parameters['members']) ? (parameters as unknown as TogetherParameters) : undefined;
}

/** The parameters of each topic that a plan is of, of one or of several. */
export function membersOf(parameters: JsonObject): readonly JsonObject[] {
  return togetherOf(parameters)?.members ?? [parameters];
}

/** The id that a topic of an operation is worked on under, from 0. */
export function memberId(operationId: string, index: number): string {
  return `${operationId}-t${index + 1}`;
}

/** The operation behind the id of one of its topics, or of a whole one. */
export function operationOfMember(id: string): string {
  return id.replace(/-t[1-9]\d*$/, '');
}

/**
 * Gives each topic of an operation a run of its own: with notes and progress of its own, which are put together for the operation's. What is noted of one is stored with what was noted of all, so that
 * none takes back what another has noted in the meantime.
 */
export class MemberRuns {
  readonly runs: readonly OperationRun[];
  readonly #notes: JsonObject[];
  readonly #progress = new Map<number, OperationProgress>();
  /** Stores of notes, one after another. */
  #stored: Promise<void> = Promise.resolve();

  /** @param signal of the runs, where that is not the operation's own. */
  constructor(
    private readonly run: OperationRun,
    private readonly together: TogetherParameters,
    signal: AbortSignal = run.signal,
  ) {
    const kept = run.notes['members'];
    this.#notes = together.topics.map((topic) => {
      const one = isJsonObject(kept ?? null) ? (kept as JsonObject)[topic] : undefined;
      return one !== undefined && isJsonObject(one) ? one : {};
    });
    this.runs = together.members.map((parameters, index) => this.#runOf(index, parameters, signal));
  }

  /** What was noted of all, and what comes with the results of a phase: as notes of the operation. */
  notes(results: readonly PhaseResult[] = []): JsonObject {
    for (const [index, { notes }] of results.entries()) this.#take(index, notes ?? {});
    return { members: this.#members(), ...summaryOf(this.together.topics, this.#notes) };
  }

  #runOf(index: number, parameters: JsonObject, signal: AbortSignal): OperationRun {
    const { run, together } = this;
    const notesOf = (): JsonObject => this.#notes[index]!;
    return {
      operationId: memberId(run.operationId, index),
      parameters,
      get notes() {
        return notesOf();
      },
      signal,
      ...(run.cutoverCancelled === undefined ? {} : { cutoverCancelled: run.cutoverCancelled }),
      report: (progress) => {
        this.#progress.set(index, progress);
        run.report(this.#total());
      },
      pace: (records, bytes) => run.pace(records, bytes),
      get stepShare() {
        return run.stepShare;
      },
      event: (type, data) => run.event(type, { topic: together.topics[index]!, ...data }),
      note: async (notes) => {
        this.#take(index, notes);
        this.#stored = this.#stored.then(() => run.note(this.notes()));
        await this.#stored;
      },
      cutoverRequested: () => run.cutoverRequested(),
    };
  }

  #take(index: number, notes: JsonObject): void {
    this.#notes[index] = { ...this.#notes[index]!, ...notes };
  }

  #members(): JsonObject {
    return Object.fromEntries(this.together.topics.map((topic, i) => [topic, this.#notes[i]!]));
  }

  #total(): OperationProgress {
    const all = [...this.#progress.entries()].sort(([a], [b]) => a - b).map(([, one]) => one);
    const sum = (of: (one: OperationProgress) => number): number => all.reduce((total, one) => total + of(one), 0);
    return {
      recordsDone: sum((one) => one.recordsDone),
      recordsTotal: sum((one) => one.recordsTotal ?? one.recordsDone),
      totalIsEstimate: true,
      bytesDone: sum((one) => one.bytesDone),
      // Partitions are counted through, topic by topic in the order of the plan.
      partitions: all.flatMap((one) => one.partitions).map((one, partition) => ({ ...one, partition })),
    };
  }
}

/** What the status of an operation shows of all its topics. */
function summaryOf(topics: readonly string[], notes: readonly JsonObject[]): JsonObject {
  const objects = (name: string): JsonObject[] =>
    notes.flatMap((one) => (isJsonObject(one[name] ?? null) ? [one[name] as JsonObject] : []));
  const errors = objects('errors');
  const verifications = objects('verification');
  const groups = notes.flatMap((one, i) => {
    const list = one['groups'];
    return Array.isArray(list) ? list.map((group): JsonValue => ({ ...(group as JsonObject), topic: topics[i]! })) : [];
  });
  const lost = objects('rollback')[0];
  return {
    ...(errors.length > 0 && { errors: summed(errors) }),
    ...(verifications.length === topics.length && { verification: verificationOf(verifications) }),
    ...(groups.length > 0 && { groups }),
    ...(lost !== undefined && { rollback: lost }),
  };
}

function summed(objects: readonly JsonObject[]): JsonObject {
  const sum: JsonObject = {};
  for (const [name, value] of objects.flatMap((one) => Object.entries(one))) {
    const before = sum[name];
    if (typeof value === 'number') sum[name] = (typeof before === 'number' ? before : 0) + value;
    else if (isJsonObject(value))
      sum[name] = summed([before !== undefined && isJsonObject(before) ? before : {}, value]);
  }
  return sum;
}

function verificationOf(all: readonly JsonObject[]): JsonObject {
  const failed = all.some((one) => one['state'] === 'failed');
  return {
    ...all[0]!,
    state: failed ? 'failed' : 'passed',
    checked: all.reduce((sum, one) => sum + Number(one['checked'] ?? 0), 0),
    mismatches: all.flatMap((one) => (Array.isArray(one['mismatches']) ? one['mismatches'] : [])),
    digests: all.flatMap((one) => (Array.isArray(one['digests']) ? one['digests'] : [])),
  };
}
