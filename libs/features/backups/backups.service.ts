import { Injectable } from '@nestjs/common';
import { backupErrors, Backups, type StoredBackup } from '#libs/core/backups';
import type { JsonObject } from '#libs/core/kernel';
import { OperationEngine, OperationStore } from '#libs/core/operations';
import type { Principal } from '#libs/platform/auth';
import type { BackupWorkView } from './backup-shapes.js';
import { BackupTransfers } from './backup-transfers.js';

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
  async create(full: boolean, principal: Principal): Promise<BackupWorkView> {
    await this.backups.list();
    return await this.#start('backup', { full }, principal);
  }

  /** @throws `backup-not-found`, `backup-newer`, `subject-busy`. */
  async verify(id: string, principal: Principal): Promise<BackupWorkView> {
    return await this.#start('backup-verification', { id }, principal);
  }

  /** @throws `backup-not-found`, `backup-newer`, `backup-damaged`, `service-not-empty`, `restore-not-possible`. */
  async restore(id: string, principal: Principal): Promise<BackupWorkView> {
    return await this.#start('restore', { id }, principal);
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

  async #start(kind: string, request: JsonObject, principal: Principal): Promise<BackupWorkView> {
    const plan = await this.engine.plan(kind, request, principal.id);
    const { operation } = await this.engine.start({ planHash: plan.hash, principal: principal.id });
    return { id: String(plan.parameters['id']), operation: operation.id };
  }
}
