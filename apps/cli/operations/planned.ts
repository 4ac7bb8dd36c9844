import type { Invocation } from '../command.js';
import type { Client } from '../http/client.js';
import type { Outcome } from '../outcome.js';
import { confirm } from '../settings/confirm.js';
import type { OperationStatus } from './operation.js';
import { watchOperation } from './watch.js';

/** What every plan of an operation tells. */
export interface OperationPlan {
  readonly hash: string;
  readonly kind: string;
  readonly subject: string;
  readonly steps: readonly string[];
  readonly risks: readonly string[];
  readonly blockers: readonly string[];
}

export interface StartOptions {
  readonly throttle?: Readonly<Record<string, number | null | undefined>>;
}

/** Plans, shows, asks, starts and, with `--wait`, watches. Nothing is started with `--dry-run` or while something blocks. */
export async function planAndStart(
  invocation: Invocation,
  client: Client,
  planPath: string,
  body: unknown,
  { throttle }: StartOptions = {},
): Promise<Outcome> {
  const plan = await client.post<OperationPlan>(planPath, body);
  const shown = planOutcome(plan);
  if (plan.blockers.length > 0) {
    return {
      ...shown,
      exit: 'no',
      error: {
        code: 'plan-blocked',
        message: `It cannot be started: ${plan.blockers[0]}`,
        hint: 'Nothing was changed. Remove what blocks it and try again.',
      },
    };
  }
  if (invocation.flags.dryRun) return shown;
  invocation.say(planText(plan));
  await confirm(invocation, `Start this ${plan.kind} at ${client.address}.`);
  const limits = Object.fromEntries(Object.entries(throttle ?? {}).filter(([, value]) => value !== undefined));
  const started = await client.post<OperationStatus>('/v1/operations', {
    planHash: plan.hash,
    ...(Object.keys(limits).length === 0 ? {} : { throttle: limits }),
  });
  return startedOutcome(invocation, client, started);
}

/** An operation that was started: its id, or its end with `--wait`. */
export async function startedOutcome(
  invocation: Invocation,
  client: Client,
  started: OperationStatus,
): Promise<Outcome> {
  if (invocation.flags.wait) return watchOperation(invocation, client, started.id);
  return {
    kind: 'Operation',
    data: started,
    text: `${started.kind} of ${started.subject}: ${started.state}\nfollow it: weir op watch ${started.id}`,
    names: [started.id],
  };
}

function planOutcome(plan: OperationPlan): Outcome {
  return { kind: 'Operation', data: plan, text: planText(plan), names: [plan.hash] };
}

function planText({ kind, subject, hash, steps, risks, blockers }: OperationPlan): string {
  return [
    `${kind} of ${subject} · plan ${hash.slice(0, 12)}`,
    ...steps.map((step, at) => `  ${at + 1}. ${step}`),
    ...risks.map((risk) => `  risk: ${risk}`),
    ...blockers.map((blocker) => `  blocked: ${blocker}`),
  ].join('\n');
}
