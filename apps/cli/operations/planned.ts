import type { Invocation } from '../command.js';
import type { Client } from '../http/client.js';
import type { Outcome } from '../outcome.js';
import { confirm } from '../settings/confirm.js';
import { durationText } from '../settings/durations.js';
import { count, size, type Goal, type OperationStatus } from './operation.js';
import { watchOperation } from './watch.js';

/** What every plan of an operation tells. */
export interface OperationPlan {
  readonly hash: string;
  readonly kind: string;
  /** Absent where a plan is about nothing that has a name. */
  readonly subject?: string;
  readonly steps: readonly string[];
  readonly risks: readonly string[];
  readonly blockers: readonly string[];
  /** What is promised of the order of records, and of the way back. */
  readonly order?: string;
  readonly rollback?: string;
  readonly estimates?: {
    readonly etaSeconds?: number | null;
    readonly pauseMs?: number | null;
    readonly records?: number | null;
    readonly bytes?: number | null;
  };
  /** What becomes of the positions of groups. */
  readonly translation?: readonly {
    readonly group: string;
    readonly members: number;
    readonly lag: number;
    readonly translation: string;
  }[];
}

export interface StartOptions {
  readonly throttle?: Readonly<Record<string, number | string | null | undefined>>;
  /** The plan in an answer that holds more than it. */
  readonly planIn?: (answer: unknown) => OperationPlan;
}

/** Plans, shows, asks, starts and, with `--wait`, watches. Nothing is started with `--dry-run` or while something blocks. */
export async function planAndStart(
  invocation: Invocation,
  client: Client,
  planPath: string,
  body: unknown,
  { throttle, planIn = (answer) => answer as OperationPlan }: StartOptions = {},
): Promise<Outcome> {
  const plan = planIn(await client.post<unknown>(planPath, body));
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
  goal?: Goal,
): Promise<Outcome> {
  if (invocation.flags.wait) return watchOperation(invocation, client, started.id, { goal, status: started });
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

/** Everything of a plan that a person decides by. */
export function planText(plan: OperationPlan): string {
  const { kind, subject, hash, steps, risks, blockers, order, rollback, translation = [] } = plan;
  return [
    `${kind}${subject === undefined ? '' : ` of ${subject}`} · plan ${hash.slice(0, 12)}`,
    ...steps.map((step, at) => `  ${at + 1}. ${step}`),
    ...estimateLines(plan),
    ...(order === undefined ? [] : [`  order: ${order}`]),
    ...(rollback === undefined ? [] : [`  way back: ${rollback}`]),
    ...translation.map((one) => `  group ${one.group}: ${one.translation}, ${one.lag} behind, ${one.members} members`),
    ...risks.map((risk) => `  risk: ${risk}`),
    ...blockers.map((blocker) => `  blocked: ${blocker}`),
  ].join('\n');
}

function estimateLines({ estimates }: OperationPlan): string[] {
  if (estimates === undefined) return [];
  const { records = null, bytes = null, etaSeconds = null, pauseMs = null } = estimates;
  const parts = [
    ...(records === null ? [] : [`${count(records)} records`]),
    // The new side stands beside the old one until it is finished.
    ...(bytes === null ? [] : [`${size(bytes)}, as much again on the disk`]),
    ...(etaSeconds === null ? [] : [`about ${durationText(etaSeconds)}`]),
    ...(pauseMs === null ? [] : [`writers held for about ${pauseMs} ms`]),
  ];
  return parts.length === 0 ? [] : [`  estimate: ${parts.join(' · ')}`];
}
