import { AppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import type { OperationHandler, OperationRun, Phase, PhaseResult, PlanDraft } from '#libs/core/operations';
import type { GenerationHandler } from './handler.js';
import {
  memberNotes,
  MemberRuns,
  membersOf,
  planOfSeveral,
  type TogetherParameters,
  togetherOf,
  topicNotInPlan,
} from './member-runs.js';
import { isRedriveAsked } from './redrive-notes.js';
import { joinPlans } from './joined-plan.js';

/** Most topics of one operation: all of their writers are held at the same time. */
export const MAX_TOGETHER = 20;

/**
 * Puts new generations in the places of several live topics, by operations that are one: they are filled and verified side by side, and all names move in one step or none does, there and back. A request of one topic
 * is left to its handler as it is.
 */
export class TogetherHandler implements OperationHandler {
  readonly kind: string;
  readonly destroys = true;
  readonly phases: OperationHandler['phases'];

  constructor(
    private readonly inner: GenerationHandler,
    /** Whether the new sides must be alike, in number of partitions and places of keys. */
    private readonly alike = true,
  ) {
    this.kind = inner.kind;
    const phaseOf =
      (phase: Phase, together: (run: OperationRun) => Promise<PhaseResult>) =>
      (run: OperationRun): Promise<PhaseResult> =>
        togetherOf(run.parameters) === undefined ? inner.phases[phase]!(run) : together(run);
    this.phases = {
      PREPARING: phaseOf('PREPARING', (run) => this.#oneByOne(run, 'PREPARING')),
      // While one was copied the writers of the others would go on: the last one decides how far behind the first one is.
      COPYING: phaseOf('COPYING', (run) => this.#sideBySide(run, 'COPYING')),
      CATCHING_UP: phaseOf('CATCHING_UP', (run) => this.#sideBySide(run, 'CATCHING_UP')),
      READY: phaseOf('READY', (run) => this.#ready(run)),
      VERIFYING: phaseOf('VERIFYING', (run) => this.#sideBySide(run, 'VERIFYING')),
      CUTTING_OVER: phaseOf('CUTTING_OVER', (run) => this.#inOneStep(run, (runs) => inner.cutOverTogether(runs))),
      SWITCHED: phaseOf('SWITCHED', (run) => this.#sideBySide(run, 'SWITCHED')),
      ROLLING_BACK: phaseOf('ROLLING_BACK', (run) => this.#inOneStep(run, (runs) => inner.rollBackTogether(runs))),
    };
  }

  accepts(parameters: JsonObject, fingerprint: JsonObject): boolean {
    const together = togetherOf(parameters);
    if (together === undefined) return this.inner.accepts(parameters, fingerprint);
    return together.members.every((one, i) => this.inner.accepts(one, fingerprint[together.topics[i]!] as JsonObject));
  }

  /** @throws what the handler of one topic does for each. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    const { topics: named, ...shared } = request;
    if (named === undefined || named === null) return await this.inner.plan(request);
    const topics = topicsOf(this.kind, named, shared);
    const drafts: PlanDraft[] = [];
    for (const topic of topics) drafts.push(await this.inner.plan({ ...shared, topic }));
    const joined = joinPlans(topics, drafts, this.alike);
    const { blockers, risks } = await this.inner.roomFor(drafts);
    return { ...joined, blockers: [...joined.blockers, ...blockers], risks: [...joined.risks, ...risks] };
  }

  async fingerprint(parameters: JsonObject): Promise<JsonObject> {
    const together = togetherOf(parameters);
    if (together === undefined) return await this.inner.fingerprint(parameters);
    const fingerprint: JsonObject = {};
    for (const [i, topic] of together.topics.entries()) {
      fingerprint[topic] = await this.inner.fingerprint(together.members[i]!);
    }
    return fingerprint;
  }

  /**
   * See `OperationHandler.redrive`. Of several topics each is judged by itself, and what is asked of all is done in none unless it may be in each; `topic` in the request names one of them.
   */
  get redrive(): OperationHandler['redrive'] {
    const judge = this.inner.redrive;
    if (judge === undefined) return undefined;
    return async (parameters, notes, { topic: named, ...request }) => {
      const topics = membersOf(parameters).map(({ topic }) => String(topic));
      if (named !== undefined && !topics.includes(named as string)) throw topicNotInPlan(topics, String(named));
      const together = togetherOf(parameters);
      if (together === undefined) return await judge(parameters, notes, request);
      // Places are told by partition and offset, which each topic has.
      if (named === undefined && request['ids'] !== undefined) throw planOfSeveral(topics);
      const asked: JsonObject = {};
      for (const [i, topic] of topics.entries()) {
        if (named !== undefined && named !== topic) continue;
        asked[topic] = await judge(together.members[i]!, memberNotes(notes, topic), request);
      }
      return { redrive: asked };
    };
  }

  async cancel(run: OperationRun): Promise<void> {
    for (const one of runsOf(run)) await this.inner.cancel(one);
  }

  async finish(run: OperationRun): Promise<void> {
    for (const one of runsOf(run)) await this.inner.finish(one);
  }

  /** A phase that ends by itself, for one topic after another. */
  async #oneByOne(run: OperationRun, phase: Phase): Promise<PhaseResult> {
    const members = new MemberRuns(run, togetherOf(run.parameters)!);
    const results: PhaseResult[] = [];
    for (const one of members.runs) results.push(await this.inner.phases[phase]!(one));
    return { ...results[0]!, notes: members.notes(results) };
  }

  /** READY: all follow their writers, until one step is to be made with all of them. */
  async #ready(run: OperationRun): Promise<PhaseResult> {
    const together = togetherOf(run.parameters)!;
    // Asked for while they were catching up.
    if (isRedriveAsked(run.notes)) return { next: 'CATCHING_UP' };
    const members = together.topics.map((topic) => memberNotes(run.notes, topic));
    if (members.some((one) => one['retryCutover'] === true)) {
      const notes = { members: withoutRetry(together, members) };
      // Another topic may have something parked still: whoever redrives that begins the cutover again.
      if (members.every(isUnblocked)) return { next: 'VERIFYING', notes };
      await run.note(notes);
    }
    return await this.#sideBySide(run, 'READY');
  }

  /** A phase that goes on for all topics until something happens. What one fails with ends it for all. */
  async #sideBySide(run: OperationRun, phase: Phase): Promise<PhaseResult> {
    const failed = new AbortController();
    const members = new MemberRuns(run, togetherOf(run.parameters)!, AbortSignal.any([run.signal, failed.signal]));
    let first: { readonly error: unknown } | undefined;
    const work = async (one: OperationRun): Promise<PhaseResult | undefined> => {
      try {
        return await this.inner.phases[phase]!(one);
      } catch (error) {
        first ??= { error };
        failed.abort(error);
        return undefined;
      }
    };
    const results = await Promise.all(members.runs.map(work));
    if (first !== undefined) throw first.error;
    const done = results.map((one) => one!);
    return { ...done[0]!, notes: members.notes(done) };
  }

  async #inOneStep(
    run: OperationRun,
    step: (runs: readonly OperationRun[]) => Promise<readonly PhaseResult[]>,
  ): Promise<PhaseResult> {
    const members = new MemberRuns(run, togetherOf(run.parameters)!);
    const results = await step(members.runs);
    return { ...results[0]!, notes: members.notes(results) };
  }
}

function runsOf(run: OperationRun): readonly OperationRun[] {
  const together = togetherOf(run.parameters);
  return together === undefined ? [run] : new MemberRuns(run, together).runs;
}

function withoutRetry({ topics }: TogetherParameters, members: readonly JsonObject[]): JsonObject {
  return Object.fromEntries(topics.map((topic, i) => [topic, { ...members[i]!, retryCutover: false }]));
}

/** Whether nothing is known that would undo the cutover of a topic. */
function isUnblocked({ cutover = null }: JsonObject): boolean {
  const blockers = isJsonObject(cutover) ? cutover['blockers'] : [];
  return !Array.isArray(blockers) || blockers.length === 0;
}

/** @throws `invalid-<kind>-request`. */
function topicsOf(kind: string, named: JsonObject[string], shared: JsonObject): readonly string[] {
  const isName = (one: unknown): one is string => typeof one === 'string' && one.length > 0;
  const fault =
    'topic' in shared
      ? "cannot be given beside 'topic'"
      : !Array.isArray(named) || !named.every(isName) || named.length < 2 || named.length > MAX_TOGETHER
        ? `must be a list of 2 to ${MAX_TOGETHER} names`
        : new Set(named).size < named.length
          ? 'names a topic twice'
          : undefined;
  if (fault === undefined) return named as string[];
  throw new AppError({
    kind: 'invalid',
    code: `invalid-${kind}-request`,
    message: `The ${kind} request is not valid: 'topics' ${fault}.`,
    items: [{ path: 'topics', message: fault }],
  });
}
