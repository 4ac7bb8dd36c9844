import { type Api, patiently } from './api.js';
import { count, dim, Progress, say } from './terminal.js';

/** What the demo looks at in the status of an operation. */
export interface OperationStatus {
  readonly id: string;
  readonly state: string;
  readonly phase: string;
  readonly reason: string | null;
  readonly nextAction: string | null;
  readonly restarts: number;
  readonly progress: {
    readonly records: { readonly done: number; readonly total: number | null };
    readonly percent: number | null;
    readonly rate: number | null;
    readonly etaSeconds: number | null;
    readonly lag: { readonly records: number };
  } | null;
  readonly verification: { readonly state?: string; readonly checked?: number; readonly mismatches?: number } | null;
  readonly cutover: { readonly lastAttempt: { readonly outcome: string; readonly pausedMs: number } | null };
}

interface Plan {
  readonly hash: string;
  readonly steps: readonly string[];
  readonly blockers: readonly string[];
}

/** Plans a repartition, shows the plan, and starts it. */
export async function startRepartition(
  api: Api,
  request: unknown,
  recordsPerSecond: number | null,
): Promise<OperationStatus> {
  const plan = await api.post<Plan>('/v1/repartitions/plans', request);
  if (plan.blockers.length > 0) throw new Error(`the plan is blocked: ${plan.blockers.join('; ')}`);
  say(`plan ${dim(plan.hash.slice(0, 12))}`);
  plan.steps.forEach((step, index) => say(dim(`${index + 1}. ${step}`)));
  return api.post<OperationStatus>('/v1/operations', { planHash: plan.hash, throttle: { recordsPerSecond } });
}

/** Watches an operation until it comes into one of the states, over restarts of the service. @throws when it fails or is undone. */
export async function watch(
  api: Api,
  id: string,
  label: string,
  until: (status: OperationStatus) => boolean,
): Promise<OperationStatus> {
  const progress = new Progress(label);
  for (;;) {
    const status = await patiently(() => api.get<OperationStatus>(`/v1/operations/${id}`));
    if (until(status)) return status;
    if (['FAILED', 'BLOCKED', 'CANCELLED', 'ROLLED_BACK'].includes(status.state)) {
      throw new Error(`operation ${id} is ${status.state}: ${status.reason ?? status.nextAction ?? 'no reason given'}`);
    }
    const { records, rate, etaSeconds } = status.progress ?? {
      records: { done: 0, total: null },
      rate: null,
      etaSeconds: null,
    };
    const eta = etaSeconds === null ? '' : ` · ETA ${etaSeconds} s`;
    progress.update(
      records.total ? records.done / records.total : 0,
      `${status.state.toLowerCase()} · ${count(records.done)} records${rate === null ? '' : ` · ${count(rate)}/s`}${eta}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}
