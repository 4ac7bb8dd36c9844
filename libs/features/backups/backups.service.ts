import { Injectable } from '@nestjs/common';
import { backupErrors, Backups, type StoredBackup } from '#libs/core/backups';
import type { Attempt } from '#libs/core/idempotency';
import type { JsonObject } from '#libs/core/kernel';
import { OperationEngine, OperationStore, planBlocked } from '#libs/core/operations';
import type { Principal } from '#libs/platform/auth';
import type { BackupWorkView } from './backup-shapes.js';
import { BackupTransfers } from './backup-transfers.js';

/** Operations of a kind that are looked through, the newest first. */
const RECENT = 20;

/** Backups: what takes long is an operation, started at once. */
@Injectable()
export class BackupsService {
  constructor(
    private readonly backups: Backups,
    private readonly engine: OperationEngine,
    private readonly operations: OperationStore,
    private readonly transfers: BackupTransfers,
  ) {}

  /** @throws `backups-not-configured`, `nothing-to-back-up`, `subject-busy` while another one is taken. */
  async create(full: boolean, principal: Principal, attempt?: Attempt): Promise<BackupWorkView> {
    await this.backups.list();
    return await this.#start('backup', { full }, principal, attempt);
  }

  /** @throws `backup-not-found`, `backup-newer`, `subject-busy`. */
  async verify(id: string, principal: Principal, attempt?: Attempt): Promise<BackupWorkView> {
    return await this.#start('backup-verification', { id }, principal, attempt);
  }

  /** @throws `backup-not-found`, `backup-newer`, `backup-damaged`, `service-not-empty`, `restore-not-possible`. */
  async restore(id: string, principal: Principal, attempt?: Attempt): Promise<BackupWorkView> {
    return await this.#start('restore', { id }, principal, attempt);
  }

  /** Whether {@link restore} would be done. @throws as that, and `plan-blocked`. */
  async tryRestore(id: string, principal: Principal): Promise<void> {
    const { hash, blockers } = await this.engine.plan('restore', { id }, principal.id);
    if (blockers.length > 0) throw planBlocked(hash, blockers);
  }

  /** The newest first. */
  list(): Promise<readonly StoredBackup[]> {
    return this.backups.list();
  }

  /** @throws `backup-not-found`, `backup-damaged`, `backup-newer`. */
  describe(id: string): Promise<StoredBackup> {
    return this.backups.describe(id);
  }

  /** @throws `backup-not-found`, `backup-in-use`. */
  async delete(id: string): Promise<void> {
    if ((await this.backups.state(id)) !== 'complete') throw backupErrors.backupNotFound(id);
    const operation = await this.operations.liveOn(`backup:${id}`);
    if (operation !== undefined) throw backupErrors.backupInUse(id, { operation: operation.id });
    if (this.transfers.isDownloaded(id)) throw backupErrors.backupInUse(id, 'download');
    await this.backups.remove(id);
  }

  async #start(
    kind: string,
    request: JsonObject,
    principal: Principal,
    attempt: Attempt | undefined,
  ): Promise<BackupWorkView> {
    const before =
      attempt?.again === true ? await this.#startedSince(attempt.firstAt, kind, request, principal) : undefined;
    if (before !== undefined) return before;
    const plan = await this.engine.plan(kind, request, principal.id);
    const { operation } = await this.engine.start({ planHash: plan.hash, principal: principal.id });
    return { id: String(plan.parameters['id']), operation: operation.id };
  }

  /** What an earlier attempt has started. */
  async #startedSince(
    at: number,
    kind: string,
    request: JsonObject,
    principal: Principal,
  ): Promise<BackupWorkView | undefined> {
    for (const { id, planHash, createdAt, createdBy } of await this.operations.list({ kind }, RECENT)) {
      if (createdAt < at || createdBy !== principal.id) continue;
      const { parameters } = await this.engine.planOf(planHash);
      if (request['id'] === undefined || request['id'] === parameters['id'])
        return { id: String(parameters['id']), operation: id };
    }
    return undefined;
  }
}
