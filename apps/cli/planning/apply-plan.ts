import type { Invocation } from '../command.js';
import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import type { Outcome } from '../outcome.js';
import { writtenFile } from '../output/written-file.js';
import type { PlanFile, PlannedChange, ServerPlan } from '../project/plan-file.js';
import type { PlannedTopic } from '../project/topics.js';
import { appliedOutcome } from './shown.js';

interface AppliedSchemas {
  readonly changes: readonly PlannedChange[];
  readonly repeated: boolean;
}

/**
 * Applies a plan: its schemas and settings in one transaction, then its topics, one after another. Everything that can be known is asked before anything is done; what fails after that leaves
 * a half that is told and that the same plan makes whole.
 */
export async function applied(invocation: Invocation, client: Client, plan: PlanFile): Promise<Outcome> {
  const { hash, changes, topics, blockers } = plan;
  if (blockers.length > 0) throw blocked(blockers[0]!);
  const planned = topics.length > 0 ? await applyTopics(client, plan, true) : [];
  if (invocation.flags.dryRun) return appliedOutcome(client.address, await stillPlanned(client, plan), planned);
  const schemas =
    changes.length === 0
      ? { changes: [], repeated: false }
      : await surely(client, () =>
          client.json<AppliedSchemas>('POST', '/v1/schema-changes:apply', {
            body: { planHash: hash, restsOn: plan.restsOn, changes },
            headers: { 'idempotency-key': invocation.flags.idempotencyKey },
          }),
        );
  await tellPipeline(invocation, hash, schemas.changes);
  const warnings = schemas.repeated ? ['This plan had been applied before; nothing was registered again.'] : [];
  if (topics.length === 0) return appliedOutcome(client.address, schemas.changes, [], warnings);
  let made: readonly PlannedTopic[];
  try {
    made = await applyTopics(client, plan, false);
  } catch (error) {
    if (!(error instanceof Failure) || !changesSomething(schemas)) throw error;
    const { message, code } = error;
    if (code === 'apply-outcome-unknown') {
      const done = appliedOutcome(client.address, schemas.changes, [], warnings);
      return {
        ...done,
        exit: 'partial',
        error: {
          code: 'apply-half-done',
          message: `The schemas of the plan are applied; whether its topics are is not known, since ${client.address} did not answer (${code}).`,
          hint: 'Run the same command again: it goes on where it stopped.',
        },
      };
    }
    return half(appliedOutcome(client.address, schemas.changes, [], warnings), code, message);
  }
  const outcome = appliedOutcome(client.address, schemas.changes, made, warnings);
  const failed = made.find((one) => one.outcome === 'failed');
  if (failed === undefined) return outcome;
  const { code, message } = failed.refusal!;
  return half(outcome, code, `topic '${failed.topic}' failed: ${message}`);
}

/** The changes of a plan that still holds. @throws Failure for one under which something has moved, or that is blocked. */
async function stillPlanned(client: Client, { hash, changes }: PlanFile): Promise<readonly PlannedChange[]> {
  if (changes.length === 0) return [];
  const now = await client.post<ServerPlan>('/v1/schema-changes:plan', { changes });
  if (now.hash !== hash)
    throw new Failure({
      code: 'plan-stale',
      exit: 'conflict',
      message: 'The plan no longer holds: something that it rests on has moved.',
      hint: 'Make the plan again, look at it and apply the new one.',
    });
  if (now.verdict === 'blocked') throw blocked(now.blockers[0]!);
  return now.changes;
}

function blocked(by: string): Failure {
  return new Failure({
    code: 'plan-blocked',
    exit: 'no',
    message: `The plan cannot be applied: ${by}`,
    hint: 'Nothing was changed. Remove what blocks it and plan again.',
  });
}

async function applyTopics(client: Client, plan: PlanFile, dryRun: boolean): Promise<readonly PlannedTopic[]> {
  const ask = (): Promise<{ readonly topics: readonly PlannedTopic[] }> =>
    client.post(
      '/v1/topic-changes:apply',
      { topics: plan.topics, restsOn: plan.topicsRestOn },
      { dryRun: dryRun || undefined },
    );
  return (await (dryRun ? ask() : surely(client, ask))).topics;
}

function changesSomething({ changes, repeated }: AppliedSchemas): boolean {
  return repeated || changes.some(({ outcome }) => outcome !== 'unchanged');
}

/** Some of it is done: exit code 9, with what is. */
function half(outcome: Outcome, code: string, message: string): Outcome {
  return {
    ...outcome,
    exit: 'partial',
    error: {
      code: 'apply-half-done',
      message: `The plan is applied in part: ${message} (${code})`,
      hint: 'What is done stays, and the list says what is. Mend the cause and run the same command again: it goes on where it stopped.',
    },
  };
}

/** A request that changes something: when the answer is lost, nobody knows whether it was done, and that is said. */
async function surely<T>(client: Client, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const lost = error instanceof Failure && error.code === 'unreachable' && wasSent(error.cause);
    if (!lost) throw error;
    throw new Failure({
      code: 'apply-outcome-unknown',
      exit: 'unreachable',
      message: `${client.address} took the plan and did not answer: whether it is applied is not known.`,
      hint: 'Run the same command again: what is applied already is not applied twice.',
      cause: error,
    });
  }
}

function wasSent(cause: unknown): boolean {
  const { code } = (cause ?? {}) as { code?: string };
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ETIMEDOUT' || code === 'HPE_INVALID_EOF_STATE';
}

/** Outputs of the step, where a pipeline takes them. */
export async function tellPipeline(
  { io, say }: Pick<Invocation, 'io' | 'say'>,
  hash: string,
  changes: readonly PlannedChange[],
): Promise<void> {
  const file = io.env['GITHUB_OUTPUT'];
  if (!file) return;
  const registered = changes
    .filter(({ outcome }) => outcome === 'new')
    .map(({ subject, version, id }) => ({ subject, version, id }));
  try {
    await writtenFile(file, `plan_hash=${hash}\nregistered=${JSON.stringify(registered)}\n`, { append: true });
  } catch (error) {
    // The plan is applied, and that is what the exit code tells.
    say(`warning: the outputs of this step cannot be written: ${(error as Error).message}`);
  }
}
