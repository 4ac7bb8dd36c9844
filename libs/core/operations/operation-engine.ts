import type { Clock, JsonObject } from '#libs/core/kernel';
import { type Change, decideCommand, type CommandContext } from './commands.js';
import { CUTOVER_RETRY, type CutoverRetryPolicy } from './cutover-retry.js';
import { decideRedrive, demandRedrivable } from './redrive.js';
import { differences } from './differences.js';
import {
  idempotencyKeyReused,
  kindUnknown,
  operationContended,
  operationNotFound,
  planBlocked,
  planNotFound,
  planStale,
  subjectBusy,
} from './errors.js';
import { awaitRest, followOperation, type Followed } from './follow.js';
import type { OperationHandler } from './handler.js';
import type { LeaseStore } from './lease-store.js';
import type { OperationObserver } from './observer.js';
import { UNTHROTTLED, type Command, type Phase, type ThrottleLimits } from './operation.js';
import { operationId } from './operation-id.js';
import { stateOf, subjectsOf, type OperationEvent, type OperationRecord } from './operation-record.js';
import type { OperationCount, OperationFilter, OperationStore, StartedBefore } from './operation-store.js';
import { leaseName, OperationWorkers } from './operation-workers.js';
import type { FailPoint } from './operation-writer.js';
import { hashOf, planHash, type Plan } from './plan.js';
import { statusOf, type OperationStatus } from './status.js';
import type { ThrottleCause } from './throttle.js';
import { WriteLatency } from './write-latency.js';
import { applyChange, DEFAULT_RETRY, type RetryPolicy } from './workflow.js';

export interface OperationEngineOptions {
  readonly store: OperationStore;
  readonly leases: LeaseStore;
  readonly clock: Clock;
  /** Names this process and no other one, ever. */
  readonly owner: string;
  readonly random: (bytes: number) => Uint8Array;
  /** More can be added with {@link OperationEngine.register}. */
  readonly handlers?: Iterable<OperationHandler>;
  /** How long a lease outlives its worker. Default 15 s. */
  readonly leaseMs?: number;
  /** How often the engine looks for work that other instances left, and runners for commands given elsewhere. Default 1 s. */
  readonly scanMs?: number;
  /** Operations that move data at the same time on this instance. Default 2. Those that wait or tail do not count. */
  readonly maxConcurrent?: number;
  readonly retry?: RetryPolicy;
  /** How automatic cutovers that were undone are tried again. */
  readonly cutoverRetry?: CutoverRetryPolicy;
  /** Limits of operations whose plan names none. */
  readonly defaultLimits?: ThrottleLimits;
  /** Least time between switch and `finish`. Default 0. */
  readonly holdMs?: number;
  /** How long `rollback` is open after the switch. Default 24 h. */
  readonly rollbackWindowMs?: number;
  /** Whether an operation of this plan waits for somebody's approval. Default never. */
  readonly requiresApproval?: (plan: Plan) => boolean;
  readonly causes?: readonly ThrottleCause[];
  /** What producers' writes take, for operations that are held to it. Whoever writes tells it; nobody unless given. */
  readonly latency?: WriteLatency;
  readonly observer?: OperationObserver;
  readonly failPoint?: FailPoint;
  /** How long `pause` and {@link OperationEngine.close} wait for a function that was asked to end. Default 20 s. */
  readonly settleMs?: number;
}

export interface StartRequest {
  readonly planHash: string;
  readonly principal: string;
  /** The client's idempotency key, if it sent one. */
  readonly key?: string;
  readonly limits?: ThrottleLimits;
  /** Why, in the words of whoever starts it; kept with the operation. */
  readonly reason?: string | undefined;
}

export interface Started {
  readonly operation: OperationStatus;
  /** False when the request, or the plan, had been started before. */
  readonly created: boolean;
}

export interface CommandRequest {
  readonly principal: string;
  /** For `throttle`. */
  readonly limits?: ThrottleLimits;
  /** Why, in the words of whoever gives it; stands in its event. */
  readonly reason?: string | undefined;
}

const DAY_MS = 86_400_000;
const KEEP_PLANS_MS = 7 * DAY_MS;
const KEEP_KEYS_MS = DAY_MS;
const CACHED_PLANS = 200;

/**
 * Plans, starts, runs and commands operations. The store is the truth: every command is a write of the store that the worker, here or on another
 * instance, obeys; every worker holds a lease and claims the operation by its epoch before it does anything. Made once per process.
 */
export class OperationEngine {
  readonly #options: OperationEngineOptions;
  readonly #handlers = new Map<string, OperationHandler>();
  readonly #workers: OperationWorkers;
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #plans = new Map<string, Plan>();
  #closed = false;

  constructor(options: OperationEngineOptions) {
    this.#options = options;
    this.#workers = new OperationWorkers({
      store: options.store,
      leases: options.leases,
      clock: options.clock,
      owner: options.owner,
      observer: options.observer ?? {},
      failPoint: options.failPoint ?? (() => undefined),
      retry: options.retry ?? DEFAULT_RETRY,
      cutoverRetry: options.cutoverRetry ?? CUTOVER_RETRY,
      causes: options.causes ?? [],
      latency: options.latency ?? new WriteLatency(() => options.clock.monotonic()),
      watchMs: options.scanMs ?? 1_000,
      leaseMs: options.leaseMs ?? 15_000,
      maxConcurrent: options.maxConcurrent ?? 2,
      written: (operation, from) => this.#announce(operation, from),
      handler: (kind) => this.#handlers.get(kind),
      plan: (hash) => this.#plan(hash),
    });
    for (const handler of options.handlers ?? []) this.register(handler);
  }

  /** Adds a kind. Before {@link open}, or operations of the kind wait until the next look for work. */
  register(handler: OperationHandler): void {
    this.#handlers.set(handler.kind, handler);
  }

  /** Whether carrying plans of this kind through takes away what was there before. */
  destroys(kind: string): boolean {
    return this.#handlers.get(kind)?.destroys ?? false;
  }

  /** Begins to work: takes up what is to be done and unowned, now and from then on. */
  open(): void {
    this.#workers.open();
  }

  /** Asks all functions to end, waits for them, frees the leases. The operations go on where they are when an engine opens again. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#patiently(this.#workers.close());
  }

  // ── plans ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes and keeps a plan; changes nothing else. @throws `operation-kind-unknown`, what the handler throws for a request that makes no sense. */
  async plan(kind: string, request: JsonObject, principal: string): Promise<Plan> {
    const draft = await this.#handler(kind).plan(request);
    const createdAt = this.#options.clock.now();
    const plan: Plan = { ...draft, hash: planHash(kind, draft), kind, createdBy: principal, createdAt };
    await this.#options.store.prunePlans(createdAt - KEEP_PLANS_MS);
    await this.#options.store.savePlan(plan);
    return plan;
  }

  /** @throws `plan-not-found`. */
  async planOf(hash: string): Promise<Plan> {
    const plan = await this.#plan(hash);
    if (plan === undefined) throw planNotFound(hash);
    return plan;
  }

  /**
   * Starts the operation of a plan, after comparing what the plan relied on with what is now. A plan whose operation is live or finished is not run again: that
   * operation is answered, unless nothing is left of what it was for.
   * @throws `plan-not-found`, `plan-blocked`, `plan-stale`, `subject-busy`, `idempotency-key-reused`, `operation-kind-unknown`.
   */
  async start(request: StartRequest): Promise<Started> {
    const { store, clock } = this.#options;
    const key = request.key === undefined ? undefined : `${request.principal}\n${request.key}`;
    const requestHash = hashOf({ planHash: request.planHash, limits: request.limits ? { ...request.limits } : null });
    if (key !== undefined) {
      await store.pruneStartKeys(clock.now() - KEEP_KEYS_MS);
      const before = await store.startedBefore(key);
      if (before !== undefined) return this.#again(before, requestHash);
    }
    const plan = await this.planOf(request.planHash);
    const [latest] = await store.list({ planHash: plan.hash }, 1);
    if (latest !== undefined && !this.#isUndone(latest)) {
      return { operation: await this.#status(latest), created: false };
    }
    const handler = this.#handler(plan.kind);
    if (plan.blockers.length > 0) throw planBlocked(plan.hash, plan.blockers);
    const moved = differences(plan.fingerprint, await handler.fingerprint(plan.parameters));
    if (moved.length > 0) throw planStale(plan.hash, moved);

    const operation = this.#newRecord(plan, request);
    const by = { by: request.principal, ...(request.reason === undefined ? {} : { reason: request.reason }) };
    const created = { type: 'created', data: { kind: plan.kind, planHash: plan.hash, ...by } };
    const outcome = await store.create(operation, [created], key === undefined ? undefined : { key, requestHash });
    if (outcome.outcome === 'key-used') return this.#again(outcome.before, requestHash);
    if (outcome.outcome === 'subject-busy') {
      const { holder } = outcome;
      if (holder.planHash === plan.hash) return { operation: await this.#status(holder), created: false };
      const held = subjectsOf(holder);
      const subject = subjectsOf(plan).find((one) => held.includes(one)) ?? plan.subject;
      throw subjectBusy(subject, { id: holder.id, kind: holder.kind, state: stateOf(holder) });
    }
    // Kept again in case it was forgotten between reading it and here; from now on it is in use.
    await store.savePlan(plan);
    this.#announce(operation, null);
    this.#workers.look();
    return { operation: await this.#status(operation), created: true };
  }

  // ── commands ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Gives a command. It is stored when this resolves; its effect follows, and for `pause` has been awaited: no function of the handler runs any more (unless one does
   * not heed its signal for `settleMs`). Repeating a command is harmless.
   * @throws `operation-not-found`, `wrong-state` and the other refusals of commands.ts; nothing is changed then.
   */
  async command(id: string, command: Command, request: CommandRequest): Promise<OperationStatus> {
    const operation = await this.#write(id, command, async (present) =>
      decideCommand(
        present,
        command,
        { ...(await this.#contextOf(present, request.principal)), reason: request.reason },
        request.limits,
      ),
    );
    return this.#settled(operation, command);
  }

  /**
   * Asks for a redrive of what the work has set aside. The kind judges it first; it is stored when this resolves.
   * @throws `operation-not-found`, what {@link demandRedrivable} does, and what the kind has against it; nothing is changed then.
   */
  async redrive(id: string, request: JsonObject, principal: string): Promise<OperationStatus> {
    const asked = await this.#operation(id);
    const handler = this.#handler(asked.kind);
    demandRedrivable(asked, handler.redrive !== undefined);
    const { parameters } = await this.planOf(asked.planHash);
    const notes = (await handler.redrive?.(parameters, asked.notes, request)) ?? {};
    const now = this.#options.clock.now();
    return this.#status(
      await this.#write(id, 'redrive', async (present) => {
        // Another one was asked for and done meanwhile: what was judged is not what is there.
        if (present.notes['redrives'] !== asked.notes['redrives']) throw operationContended(id);
        return decideRedrive(present, notes, principal, now);
      }),
    );
  }

  // ── looking ───────────────────────────────────────────────────────────────────────────────────────────

  /** @throws `operation-not-found`. */
  async status(id: string): Promise<OperationStatus> {
    return this.#status(await this.#operation(id));
  }

  /** Newest first, `limit` at most, those older than the operation `before` when given. */
  async list(filter: OperationFilter, limit: number, before?: string): Promise<readonly OperationStatus[]> {
    const operations = await this.#options.store.list(filter, limit, before);
    return Promise.all(operations.map((one) => this.#status(one)));
  }

  counts(): Promise<readonly OperationCount[]> {
    return this.#options.store.counts();
  }

  /** Durable events after a sequence, in order. @throws `operation-not-found`. */
  async events(id: string, after: number, limit: number): Promise<readonly OperationEvent[]> {
    const events = await this.#options.store.events(id, after, limit);
    if (events.length === 0) await this.#operation(id);
    return events;
  }

  /** Calls back after writes to the operation in this process: a hint to look, never more. Answers how to stop. */
  subscribe(id: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id);
    };
  }

  /** See {@link followOperation}. */
  follow(id: string, after: number, signal: AbortSignal): AsyncGenerator<Followed, void, undefined> {
    return followOperation(this, this.#options.clock, id, after, signal, this.#options.scanMs);
  }

  /** See {@link awaitRest}. */
  awaitRest(id: string, ms: number, signal: AbortSignal): Promise<OperationStatus> {
    return awaitRest(this, this.#options.clock, id, ms, signal);
  }

  /** Kinds that can be planned here. */
  kinds(): readonly string[] {
    return [...this.#handlers.keys()].sort();
  }

  /** Writes what was decided, on what was seen. Answers the operation as it is then. */
  async #write(
    id: string,
    name: Command | 'redrive',
    decide: (operation: OperationRecord) => Promise<Change | null>,
  ): Promise<OperationRecord> {
    const { store, clock, failPoint } = this.#options;
    for (let attempt = 0; attempt < 20; attempt++) {
      const operation = await this.#operation(id);
      const change = await decide(operation);
      if (change === null) return operation;
      const next = applyChange(operation, change, clock.now());
      const point = `operation:${operation.kind}:${next.phase === operation.phase ? `command-${name}` : next.phase}`;
      await failPoint?.(`${point}:before`);
      if (!(await store.write(next, change.events))) continue;
      await failPoint?.(`${point}:after`);
      this.#announce(next, operation);
      this.#workers.seen(next);
      this.#workers.look();
      return next;
    }
    throw operationContended(id);
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether what an operation was for is not there, so that its plan may be run again. */
  #isUndone({ kind, phase, endedAt }: OperationRecord): boolean {
    if (phase !== 'FINISHED' || endedAt === null) return phase === 'CANCELLED' || phase === 'ROLLED_BACK';
    return this.#handlers.get(kind)?.isSpent?.(endedAt) === true;
  }

  #handler(kind: string): OperationHandler {
    const handler = this.#handlers.get(kind);
    if (handler === undefined) throw kindUnknown(kind, this.kinds());
    return handler;
  }

  /** Plans never change under their hash, so those in use are asked for once. */
  async #plan(hash: string): Promise<Plan | undefined> {
    const known = this.#plans.get(hash);
    if (known !== undefined) return known;
    const plan = await this.#options.store.plan(hash);
    if (plan === undefined) return undefined;
    const oldest = this.#plans.size >= CACHED_PLANS ? this.#plans.keys().next().value : undefined;
    if (oldest !== undefined) this.#plans.delete(oldest);
    this.#plans.set(hash, plan);
    return plan;
  }

  async #operation(id: string): Promise<OperationRecord> {
    const operation = await this.#options.store.operation(id);
    if (operation === undefined) throw operationNotFound(id);
    return operation;
  }

  async #again(before: StartedBefore, requestHash: string): Promise<Started> {
    if (before.requestHash !== requestHash) throw idempotencyKeyReused(before.operationId);
    return { operation: await this.status(before.operationId), created: false };
  }

  #newRecord(plan: Plan, request: StartRequest): OperationRecord {
    const { clock, random, defaultLimits, requiresApproval } = this.#options;
    const now = clock.now();
    const automatic = plan.controls?.cutover === 'automatic';
    return {
      id: operationId(now, random),
      kind: plan.kind,
      subject: plan.subject,
      ...(plan.alsoOn && { alsoOn: plan.alsoOn }),
      planHash: plan.hash,
      revision: 1,
      epoch: 0,
      worker: null,
      lastSequence: 1,
      phase: 'PLANNED',
      phaseSince: now,
      hold: null,
      reason: null,
      intent: null,
      verifyOnly: false,
      approval: { required: requiresApproval?.(plan) ?? false, by: null, at: null },
      cutover: {
        requestedAt: automatic ? now : null,
        requestedBy: automatic ? request.principal : null,
        undo: null,
        lastAttempt: null,
      },
      limits: request.limits ?? plan.controls?.limits ?? defaultLimits ?? UNTHROTTLED,
      notes: {},
      createdBy: request.principal,
      ...(request.reason === undefined ? {} : { startReason: request.reason }),
      createdAt: now,
      startedAt: null,
      updatedAt: now,
      switchedAt: null,
      endedAt: null,
      restarts: 0,
      failures: 0,
      lastError: null,
      progress: null,
    };
  }

  async #contextOf(operation: OperationRecord, principal: string): Promise<CommandContext> {
    const { clock, holdMs = 0, rollbackWindowMs = DAY_MS } = this.#options;
    const plan = await this.#plan(operation.planHash);
    const phases = Object.keys(this.#handlers.get(operation.kind)?.phases ?? {}) as Phase[];
    return { now: clock.now(), principal, controls: plan?.controls ?? {}, phases, holdMs, rollbackWindowMs };
  }

  async #status(operation: OperationRecord): Promise<OperationStatus> {
    const plan = await this.#plan(operation.planHash);
    const progress = this.#workers.progressOf(operation.id) ?? operation.progress;
    return statusOf(
      { ...operation, progress },
      {
        ...(await this.#contextOf(operation, '')),
        plannedPauseMs: plan?.estimates.pauseMs ?? null,
        waiting: operation.hold === null ? this.#workers.waitingFor(operation.id) : null,
      },
    );
  }

  /** For `pause`: waits until no worker, here or elsewhere, holds the operation. */
  async #settled(operation: OperationRecord, command: Command): Promise<OperationStatus> {
    if (command === 'pause') await this.#patiently(this.#unowned(operation.id));
    return this.status(operation.id);
  }

  async #unowned(id: string): Promise<void> {
    await this.#workers.ended(id);
    const { leases, clock } = this.#options;
    while (!this.#closed && (await leases.holder(leaseName(id))) !== undefined) await clock.sleep(100);
  }

  async #patiently(what: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    const patience = this.#options.clock.sleep(this.#options.settleMs ?? 20_000, over.signal).catch(() => undefined);
    await Promise.race([what, patience]);
    over.abort();
  }

  #announce(operation: OperationRecord, from: OperationRecord | null): void {
    const before = from === null ? null : stateOf(from);
    const after = stateOf(operation);
    if (before !== after) this.#options.observer?.stateChanged?.(operation, before, after, operation.reason);
    for (const listener of this.#listeners.get(operation.id) ?? []) listener();
  }
}
