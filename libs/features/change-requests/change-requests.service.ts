import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  ChangeRequestStore,
  decided,
  requestMoved,
  requestNotFound,
  type ChangeRequest,
  type RequestActor,
  type RequestCommand,
  type RequestStep,
} from '#libs/core/change-requests';
import type { Attempt } from '#libs/core/idempotency';
import { Clock, type JsonObject } from '#libs/core/kernel';
import { ANONYMOUS, Authorizer, type Action, type Principal } from '#libs/platform/auth';
import { formatCursor, parseCursor } from '#libs/platform/http';
import type {
  CommandBody,
  ListQuery,
  RequestPage,
  RequestView,
  RequestWithPlan,
  SubmitBody,
} from './change-requests.shapes.js';

/** Requests that may wait at the same time. */
const MOST_OPEN = 500;
/** How long those that have ended are kept. */
const KEPT_MS = 90 * 86_400_000;

/** What agreeing, and saying that it is done, takes; withdrawing is for the author, whom the core tells. */
const RIGHTS: Readonly<Record<RequestCommand, { readonly subject: Action; readonly topic: Action }>> = {
  approve: { subject: 'govern', topic: 'govern' },
  reject: { subject: 'govern', topic: 'govern' },
  withdraw: { subject: 'read', topic: 'read' },
  close: { subject: 'write', topic: 'alter' },
};

/** Change requests: the rights follow from the subjects and topics that the plan names. */
@Injectable()
export class ChangeRequestsService {
  constructor(
    private readonly store: ChangeRequestStore,
    private readonly clock: Clock,
    private readonly authorizer: Authorizer,
  ) {}

  /** @param attempt names the request: an earlier attempt that has submitted it is found by that. @throws `forbidden`, `too-many-open-requests`. */
  async submit(principal: Principal, { title, note, ...plan }: SubmitBody, attempt?: Attempt): Promise<RequestView> {
    const subjects = [...new Set(plan.changes.map(({ subject }) => subject))];
    const topics = [...new Set(plan.topics.map(({ name }) => name))];
    for (const name of subjects) this.demand(principal, 'write', 'subject', name);
    for (const name of topics) this.demand(principal, 'read', 'topic', name);
    const now = this.clock.now();
    await this.store.prune(now - KEPT_MS);
    const { firstAt, seed } = attempt ?? { firstAt: now, seed: randomBytes(4).toString('hex') };
    const id = `cr_${firstAt.toString(36).padStart(9, '0')}${seed.slice(0, 8)}`;
    const before = attempt?.again === true ? await this.store.find(id) : undefined;
    if (before !== undefined) return viewOf(before.request);
    const request: ChangeRequest = {
      id,
      revision: 1,
      state: 'pending',
      title,
      submitted: { by: principal.id, at: now, note: note ?? null },
      decided: null,
      applied: null,
      subjects,
      topics,
    };
    await this.store.add({ request, plan: plan as unknown as JsonObject }, MOST_OPEN);
    return viewOf(request);
  }

  /** The requests that the principal may read, newest first. A page may be short. */
  async list(principal: Principal, { state, limit, cursor }: ListQuery): Promise<RequestPage> {
    const before = cursor === undefined ? undefined : parseCursor(cursor);
    const found = await this.store.list({ state, before, limit });
    const last = found.at(-1);
    return {
      items: found.filter((one) => this.isReadable(principal, one)).map(viewOf),
      next: last === undefined || found.length < limit ? null : formatCursor(last.id),
    };
  }

  /** @throws `change-request-not-found`, also for what may not be read. */
  async show(principal: Principal, id: string): Promise<RequestWithPlan> {
    const found = await this.store.find(id);
    if (found === undefined || !this.isReadable(principal, found.request)) throw requestNotFound(id);
    return { ...viewOf(found.request), plan: found.plan as unknown as RequestWithPlan['plan'] };
  }

  /** With `dryRun` it is judged alone: the same refusals, the request as it would be. @throws `change-request-not-found`, `forbidden`, `wrong-state`, `approval-by-author`, `withdrawal-by-another`, `change-request-moved`. */
  async command(
    principal: Principal,
    id: string,
    command: RequestCommand,
    { note, dryRun }: CommandBody,
  ): Promise<RequestView> {
    const found = await this.store.find(id);
    if (found === undefined || !this.isReadable(principal, found.request)) throw requestNotFound(id);
    const { request } = found;
    for (const name of request.subjects) this.demand(principal, RIGHTS[command].subject, 'subject', name);
    for (const name of request.topics) this.demand(principal, RIGHTS[command].topic, 'topic', name);
    const actor: RequestActor = { id: principal.id, isKnown: principal.id !== ANONYMOUS.id };
    const next = decided(request, command, actor, this.clock.now(), note ?? null);
    if (!dryRun && next !== request && !(await this.store.replace(next))) throw requestMoved(id);
    return viewOf(next);
  }

  private isReadable(principal: Principal, { subjects, topics }: ChangeRequest): boolean {
    return (
      subjects.every((name) => this.authorizer.allows(principal, 'read', objectOf('subject', name))) &&
      topics.every((name) => this.authorizer.allows(principal, 'read', objectOf('topic', name)))
    );
  }

  private demand(principal: Principal, action: Action, kind: 'subject' | 'topic', name: string): void {
    this.authorizer.demand(principal, action, objectOf(kind, name));
  }
}

/** Settings of all subjects are those of the kind as a whole. */
function objectOf(kind: 'subject' | 'topic', name: string) {
  return { kind, name: name === '' ? null : name };
}

function viewOf({ id, state, title, submitted, decided, applied, subjects, topics }: ChangeRequest): RequestView {
  return {
    id,
    state,
    title,
    submitted: stepOf(submitted),
    decided: decided && stepOf(decided),
    applied: applied && stepOf(applied),
    subjects: [...subjects],
    topics: [...topics],
  };
}

function stepOf({ by, at, note }: RequestStep): RequestView['submitted'] {
  return { by, at: new Date(at).toISOString(), note };
}
