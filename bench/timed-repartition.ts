import type { Api } from '../apps/demo/api.js';
import type { OperationStatus } from '../apps/demo/operations.js';
import type { ServiceProcess } from '../apps/demo/service-process.js';
import { processorMs } from './processor-time.js';
import { residentMb } from './resident-memory.js';

/** What a repartition took. */
export interface Timed {
  readonly planMs: number;
  /** From the start until it had switched. */
  readonly ms: number;
  readonly phases: string;
  /** MB of memory. */
  readonly grown: number;
  /** Processor time in ms. */
  readonly processor: number;
}

/** One repartition, planned, started and followed until it has switched: how long each phase took, and how much memory grew meanwhile. Then it is finished. */
export async function timedRepartition(
  service: ServiceProcess,
  api: Api,
  asked: Readonly<Record<string, unknown>>,
): Promise<Timed> {
  const before = await residentMb(service);
  let most = before;
  const request = { ...asked, cutover: { mode: 'auto' }, reverseTail: false };
  const planned = performance.now();
  const { hash } = await api.post<{ readonly hash: string }>('/v1/repartitions/plans', request);
  const processorBefore = await processorMs(service.pid);
  const began = performance.now();
  const { id } = await api.post<OperationStatus>('/v1/operations', { planHash: hash });
  const phases: string[] = [];
  let phase = 'started';
  let since = began;
  for (;;) {
    const { state, reason } = await api.get<OperationStatus>(`/v1/operations/${id}`);
    if (state === 'FAILED' || state === 'BLOCKED') throw new Error(`${state}: ${reason}`);
    most = Math.max(most, await residentMb(service));
    if (state !== phase) {
      phases.push(`${phase} ${Math.round(performance.now() - since)} ms`);
      since = performance.now();
      phase = state;
    }
    if (state === 'SWITCHED' || state === 'FINISHED') break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const ms = performance.now() - began;
  const processor = (await processorMs(service.pid)) - processorBefore;
  await api.post(`/v1/operations/${id}:finish`);
  while ((await api.get<OperationStatus>(`/v1/operations/${id}`)).state !== 'FINISHED')
    await new Promise((resolve) => setTimeout(resolve, 20));
  return { planMs: began - planned, ms, phases: phases.join(', '), grown: most - before, processor };
}
