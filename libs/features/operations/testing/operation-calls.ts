import { setTimeout as delay } from 'node:timers/promises';
import { HttpClient } from '#libs/platform/testing';
import type { OperationView, PlanView } from '../operation-schemas.js';

/** Where an operation stays without somebody's doing. */
const SETTLED: ReadonlySet<OperationView['state']> = new Set(['FINISHED', 'FAILED', 'BLOCKED', 'CANCELLED']);
const ASKED_AGAIN_MS = 20;

/** Operations of a running service, through its REST API. All of these throw when they are refused. */
export class OperationCalls extends HttpClient {
  /** Plans an operation. @param path route of the plans of its kind. @param request what is to be done. */
  plan<Plan extends Pick<PlanView, 'hash' | 'blockers' | 'impact'> = PlanView>(
    path: string,
    request: unknown,
  ): Promise<Plan> {
    return this.demand('POST', path, request);
  }

  /** Starts what was planned. @param more further members of the body. @returns the operation's id. */
  async start({ hash }: Pick<PlanView, 'hash'>, more: object = {}): Promise<string> {
    return (await this.demand<OperationView>('POST', '/v1/operations', { planHash: hash, ...more })).id;
  }

  /** Plans and starts. @returns the operation's id. */
  async begin(path: string, request: unknown, more: object = {}): Promise<string> {
    return this.start(await this.plan(path, request), more);
  }

  operation(id: string): Promise<OperationView> {
    return this.demand('GET', `/v1/operations/${id}`);
  }

  /**
   * Waits until the operation needs somebody or is over.
   * @throws when it takes longer than `withinMs`, or the service is gone meanwhile.
   */
  async settled(id: string, withinMs = 60_000): Promise<OperationView> {
    for (const deadline = performance.now() + withinMs; ; await delay(ASKED_AGAIN_MS)) {
      const operation = await this.operation(id);
      if (SETTLED.has(operation.state)) return operation;
      if (performance.now() > deadline) throw new Error(`Operation ${id} is ${operation.state} after ${withinMs} ms.`);
    }
  }
}
