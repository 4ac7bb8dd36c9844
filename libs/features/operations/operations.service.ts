import { Injectable } from '@nestjs/common';
import { AppError, type JsonObject } from '#libs/core/kernel';
import { Clusters } from '#libs/core/log';
import {
  isOperationId,
  isTerminal,
  operationNotFound,
  OperationEngine,
  UNTHROTTLED,
  type Command,
  type Followed,
  type OperationEvent,
  type OperationStatus,
  type Plan,
  type Started,
  type ThrottleLimits,
} from '#libs/core/operations';
import {
  consumersOf,
  parkedErrorsOf,
  parkedRecordsOf,
  planOfTopic,
  type Consumer,
  type ParkedPlace,
} from '#libs/core/streams';
import { Authorizer, type Action, type Principal } from '#libs/platform/auth';
import { formatCursor, parseCursor, type Page } from '#libs/platform/http';
import type {
  HistoryQuery,
  ListQuery,
  ParkedQuery,
  RedriveBody,
  StartBody,
  ThrottleBody,
} from './operation-schemas.js';
import { accessObjectsOf } from './operation-subject.js';

/** Events that are looked through at once for those of one type. */
const EVENTS_AT_ONCE = 500;

/** Operations for a principal: seen when what they change may be read, commanded when it may be operated. */
@Injectable()
export class OperationsService {
  constructor(
    private readonly engine: OperationEngine,
    private readonly authorizer: Authorizer,
    private readonly clusters: Clusters,
  ) {}

  /** @throws `plan-not-found`, also for a plan whose subject the principal may not read. */
  async plan(hash: string, principal: Principal): Promise<Plan> {
    const plan = await this.engine.planOf(hash);
    for (const object of accessObjectsOf(plan)) this.authorizer.demand(principal, 'read', object);
    return plan;
  }

  /** @throws what `OperationEngine.start` throws, and `forbidden`. */
  async start(body: StartBody, key: string | undefined, principal: Principal, reason?: string): Promise<Started> {
    const plan = await this.plan(body.planHash, principal);
    for (const object of accessObjectsOf(plan)) this.authorizer.demand(principal, 'operate', object);
    const limits = body.throttle && merged(plan.controls?.limits ?? UNTHROTTLED, body.throttle);
    return this.engine.start({ planHash: body.planHash, principal: principal.id, key, limits, reason });
  }

  /** Newest first. Operations on what the principal may not read are left out, and pages are filled all the same. */
  async list(query: ListQuery, principal: Principal): Promise<Page<OperationStatus>> {
    const { kind, state, live, limit } = query;
    const subject = query.subject ?? (query.topic === undefined ? undefined : this.#topicSubject(query.topic));
    const items: OperationStatus[] = [];
    let before = query.cursor === undefined ? undefined : parseCursor(query.cursor);
    for (;;) {
      const some = await this.engine.list({ kind, state, live, subject }, limit, before);
      for (const one of some) {
        before = one.id;
        if (query.mine === true && one.createdBy !== principal.id) continue;
        if (!accessObjectsOf(one).every((object) => this.authorizer.allows(principal, 'read', object))) continue;
        items.push(one);
        if (items.length === limit) return { items, next: formatCursor(one.id) };
      }
      if (some.length < limit) return { items, next: null };
    }
  }

  /** @throws `operation-not-found`, also when the principal may not see it. */
  async status(id: string, principal: Principal): Promise<OperationStatus> {
    return this.#demand(id, 'read', principal);
  }

  /** @throws what `OperationEngine.command` throws, and `forbidden`. */
  async command(
    id: string,
    command: Command,
    principal: Principal,
    throttle: ThrottleBody = {},
    reason?: string,
  ): Promise<OperationStatus> {
    const status = await this.#demand(id, 'operate', principal);
    const limits = command === 'throttle' ? merged(status.throttle.limits, throttle) : undefined;
    return this.engine.command(id, command, { principal: principal.id, limits, reason });
  }

  /** Waits up to `ms` until the operation needs somebody or is over. */
  awaitRest(id: string, ms: number, signal: AbortSignal): Promise<OperationStatus> {
    return this.engine.awaitRest(id, ms, signal);
  }

  /** Who reads the two sides of the operation. @throws `operation-not-found`, `operation-without-sides`. */
  async consumers(id: string, principal: Principal): Promise<readonly Consumer[]> {
    const { planHash } = await this.status(id, principal);
    return consumersOf(this.clusters, await this.engine.planOf(planHash));
  }

  /** Records that wait for a redrive, in the order of their source. @throws `operation-not-found`, `nothing-is-parked-by-plan`, `plan-of-several`, `topic-not-in-plan`. */
  async parked(id: string, { cursor, limit, topic }: ParkedQuery, principal: Principal): Promise<Page<ParkedPlace>> {
    const { planHash, errors } = await this.status(id, principal);
    const after = cursor === undefined ? undefined : placeOf(parseCursor(cursor));
    const plan = planOfTopic(await this.engine.planOf(planHash), topic);
    const parked = parkedErrorsOf(errors, plan);
    const { items, next } = await parkedRecordsOf(this.clusters, plan, parked, limit, after);
    return { items, next: next && formatCursor(`${next.partition}/${next.offset}`) };
  }

  /** @throws what `OperationEngine.redrive` throws, and `forbidden`. */
  async redrive(id: string, body: RedriveBody, principal: Principal): Promise<OperationStatus> {
    await this.#demand(id, 'operate', principal);
    return this.engine.redrive(id, JSON.parse(JSON.stringify(body)) as JsonObject, principal.id);
  }

  /** The durable events from the first one on. */
  async history(id: string, query: HistoryQuery, principal: Principal): Promise<Page<OperationEvent>> {
    await this.status(id, principal);
    const after = query.cursor === undefined ? 0 : sequenceOf(parseCursor(query.cursor));
    const items = await this.engine.events(id, after, query.limit);
    const last = items.at(-1);
    const more = last !== undefined && items.length === query.limit;
    return { items, next: more ? formatCursor(String(last.sequence)) : null };
  }

  /** The events of records that missed the fence, from the first one on. @throws `operation-not-found`, `invalid-sequence`. */
  async stragglers(id: string, query: HistoryQuery, principal: Principal): Promise<Page<OperationEvent>> {
    await this.status(id, principal);
    const items: OperationEvent[] = [];
    let after = query.cursor === undefined ? 0 : sequenceOf(parseCursor(query.cursor));
    for (;;) {
      const some = await this.engine.events(id, after, EVENTS_AT_ONCE);
      for (const one of some) {
        after = one.sequence;
        if (one.type !== 'straggler-found') continue;
        items.push(one);
        if (items.length === query.limit) return { items, next: formatCursor(String(after)) };
      }
      if (some.length < EVENTS_AT_ONCE) return { items, next: null };
    }
  }

  follow(id: string, after: number, signal: AbortSignal): AsyncGenerator<Followed, void, undefined> {
    return this.engine.follow(id, after, signal);
  }

  #topicSubject(topic: string): string {
    return `topic:${topic.includes('/') ? topic : `${this.clusters.defaultName}/${topic}`}`;
  }

  async #demand(id: string, action: Action, principal: Principal): Promise<OperationStatus> {
    // What has another form is no id, and the store need not be asked.
    if (!isOperationId(id)) throw operationNotFound(id);
    const status = await this.engine.status(id);
    const objects = accessObjectsOf(status);
    // Who may not see what it changes is not told that there is such an operation.
    if (!objects.every((object) => this.authorizer.allows(principal, 'read', object))) throw operationNotFound(id);
    for (const object of objects) this.authorizer.demand(principal, action, object);
    return status;
  }
}

function placeOf(text: string): { partition: number; offset: number } {
  const [partition, offset] = text.split('/').map(sequenceOf);
  return { partition: partition ?? 0, offset: offset ?? 0 };
}

/** The sequence a client has seen, as a header or cursor gives it. @throws `invalid-sequence`. */
export function sequenceOf(text: string): number {
  const sequence = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(sequence)) return sequence;
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-sequence',
    message: 'The sequence to go on from is not a whole number.',
    hint: 'Send back the id of the last event you have seen, or nothing.',
  });
}

/** Whether the answer can say that everything asked for has happened. */
export function isDone(status: OperationStatus): boolean {
  return isTerminal(status.phase) || status.nextAction !== null;
}

function merged(now: ThrottleLimits, change: ThrottleBody): ThrottleLimits {
  const { recordsPerSecond, bytesPerSecond, maxGroupLagMs, maxProduceMs } = change;
  return {
    recordsPerSecond: recordsPerSecond === undefined ? now.recordsPerSecond : recordsPerSecond,
    bytesPerSecond: bytesPerSecond === undefined ? now.bytesPerSecond : bytesPerSecond,
    maxGroupLagMs: maxGroupLagMs === undefined ? now.maxGroupLagMs : maxGroupLagMs,
    maxProduceMs: maxProduceMs === undefined ? (now.maxProduceMs ?? null) : maxProduceMs,
  };
}
