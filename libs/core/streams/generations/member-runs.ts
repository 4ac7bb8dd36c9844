import { AppError, deferred, isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { OperationProgress, OperationRun, PhaseResult, Plan } from '#libs/core/operations';
import { redrivesDone } from './redrive-notes.js';

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

/** The plan as that of the topic that is named, or of its only one. @throws `plan-of-several` where none of several is named; `topic-not-in-plan`. */
export function planOfTopic(plan: Plan, named: string | undefined): Plan {
  const members = membersOf(plan.parameters);
  const topics = members.map(({ topic }) => String(topic));
  const [only] = members.length === 1 ? members : [];
  const member = named === undefined ? only : members.find(({ topic }) => topic === named);
  if (member !== undefined) return { ...plan, parameters: member };
  throw named === undefined ? planOfSeveral(topics) : topicNotInPlan(topics, named);
}

/** Somebody named none of several topics where one has to be. */
export function planOfSeveral(topics: readonly string[]): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'plan-of-several',
    message: `The plan is of several topics: ${topics.join(', ')}.`,
    hint: `Name one of them: topic ${topics.join(' or ')}.`,
    details: { topics },
  });
}

/** Somebody named a topic that the plan is not of. */
export function topicNotInPlan(topics: readonly string[], named: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'topic-not-in-plan',
    message: `The plan is of ${topics.join(', ')}, and not of '${named}'.`,
    hint: `Name one of them: topic ${topics.join(' or ')}.`,
    details: { topics },
  });
}

/** The notes of one topic of several, with the redrive that was asked for and is not done. */
export function memberNotes(notes: JsonObject, topic: string): JsonObject {
  const one = objectIn(objectIn(notes, 'members'), topic);
  const asked = objectIn(objectIn(notes, 'redrive'), topic);
  return redriveIsDone(one, asked) ? one : { ...one, ...asked };
}

/** @param asked what is noted of a redrive that was asked for of the topic, nothing for none */
function redriveIsDone(notes: JsonObject, asked: JsonObject): boolean {
  const { pass } = objectIn(asked, 'redrive');
  return typeof pass !== 'number' || redrivesDone(notes) >= pass;
}

function objectIn(notes: JsonObject, name: string): JsonObject {
  const value = notes[name];
  return value !== undefined && isJsonObject(value) ? value : {};
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
    this.#notes = together.topics.map((topic) => memberNotes(run.notes, topic));
    this.runs = together.members.map((parameters, index) => this.#runOf(index, parameters, signal));
  }

  /** What was noted of all, and what comes with the results of a phase: as notes of the operation. */
  notes(results: readonly PhaseResult[] = []): JsonObject {
    for (const [index, { notes }] of results.entries()) this.#take(index, notes ?? {});
    return { members: this.#members(), ...summaryOf(this.together.topics, this.#notes), ...this.#redriven() };
  }

  /** That the redrive is done that was asked for, once it is in each topic. */
  #redriven(): JsonObject {
    const { redrive } = this.run.notes;
    if (redrive === undefined || !isJsonObject(redrive)) return {};
    const { topics } = this.together;
    if (!topics.every((topic, i) => redriveIsDone(this.#notes[i]!, objectIn(redrive, topic)))) return {};
    return { redrive: null, redrives: redrivesDone(this.run.notes) + 1 };
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
      cutoverRequested: () => whileGoing(run.cutoverRequested(), signal),
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

/** Rejects when the signal aborts before the promise is settled: another topic may have failed, of which who waits for the promise is not told. */
async function whileGoing(asked: Promise<void>, signal: AbortSignal): Promise<void> {
  const gone = deferred<never>();
  const end = (): void => gone.reject(signal.reason);
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([asked, gone.promise]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** What the status of an operation shows of all its topics. */
function summaryOf(topics: readonly string[], notes: readonly JsonObject[]): JsonObject {
  const each = (name: string): readonly (readonly [topic: string, one: JsonObject])[] =>
    notes.flatMap((one, i) => (isJsonObject(one[name] ?? null) ? [[topics[i]!, one[name] as JsonObject]] : []));
  const errors = each('errors');
  const verifications = each('verification');
  const isRehearsal = verifications[0]?.[1]['level'] === 'rehearsal';
  const cutovers = each('cutover');
  const blockers = cutovers.flatMap(([topic, one]) => textsIn(one, 'blockers').map((text) => `${topic}: ${text}`));
  const pausedMs = cutovers[0]?.[1]['pausedMs'];
  const groups = notes.flatMap((one, i) => {
    const list = one['groups'];
    return Array.isArray(list) ? list.map((group): JsonValue => ({ ...(group as JsonObject), topic: topics[i]! })) : [];
  });
  const [lost] = each('rollback');
  return {
    // Where records are parked is said of each topic.
    ...(errors.length > 0 && {
      errors: { ...summed(errors.map(([, { parkedIn: _, ...one }]) => one)), topics: Object.fromEntries(errors) },
    }),
    ...(isRehearsal && { verification: rehearsalOf(verifications, topics.length) }),
    ...(!isRehearsal && verifications.length === topics.length && { verification: verificationOf(verifications) }),
    ...(cutovers.length > 0 && { cutover: { blockers, ...(pausedMs !== undefined && { pausedMs }) } }),
    ...(groups.length > 0 && { groups }),
    ...(lost !== undefined && { rollback: lost[1] }),
  };
}

function textsIn(notes: JsonObject, name: string): readonly string[] {
  const list = notes[name];
  return Array.isArray(list) ? list.map(String) : [];
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

/** What is added up of several verifications. */
const COUNTED: ReadonlySet<string> = new Set(['checked', 'total', 'mismatchCount', 'mismatchKinds']);

function verificationOf(each: readonly (readonly [topic: string, one: JsonObject])[]): JsonObject {
  const all = each.map(([, one]) => one);
  const states = all.map((one) => one['state']);
  const counts = (one: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(one).filter(([name]) => COUNTED.has(name)));
  return {
    ...all[0]!,
    state: states.includes('failed') ? 'failed' : states.includes('running') ? 'running' : 'passed',
    ...summed(all.map(counts)),
    mismatches: all.flatMap((one) => (Array.isArray(one['mismatches']) ? one['mismatches'] : [])),
    digests: all.flatMap((one) => (Array.isArray(one['digests']) ? one['digests'] : [])),
  };
}

/** What a rehearsal of several topics has found so far: counts of all, and what was found in each below `topics`. */
function rehearsalOf(each: readonly (readonly [topic: string, one: JsonObject])[], topics: number): JsonObject {
  const states = each.map(([, one]) => one['state']);
  const isDone = each.length === topics && !states.includes('running');
  return {
    ...summed(each.map(([, one]) => one)),
    level: 'rehearsal',
    state: states.includes('failed') ? 'failed' : isDone ? 'passed' : 'running',
    mismatches: [],
    findings: each.flatMap(([topic, one]) => textsIn(one, 'findings').map((text) => `${topic}: ${text}`)),
    topics: Object.fromEntries(each),
  };
}
