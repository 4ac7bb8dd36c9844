import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import type { Attempt } from '#libs/core/idempotency';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, CurrentAttempt, OncePerKey, ZodPipe } from '#libs/platform/http';
import {
  backupList,
  backupView,
  backupWork,
  restoreQuery,
  restoreWork,
  createBackupBody,
  type BackupList,
  type BackupView,
  type BackupWorkView,
  type RestoreQuery,
  type RestoreWorkView,
  type CreateBackupBody,
} from './backup-shapes.js';
import { summaryOf, viewOf } from './backup-view.js';
import { BackupsService } from './backups.service.js';

const tag = 'backups';

/** Backups of what this service holds itself: the embedded log, and the metadata on SQLite. */
@Controller('v1/backups')
export class BackupsController {
  constructor(private readonly backups: BackupsService) {}

  @Post()
  @OncePerKey()
  @HttpCode(202)
  @Access('admin', 'service')
  @ApiJson({
    id: 'createBackup',
    summary: 'Take a backup',
    description:
      'Log and metadata as they are at one moment, while writing goes on. An operation does it, and can be slowed down and cancelled as any other; the backup is listed when it is complete. With the header `Idempotency-Key` one is taken, however often the request is sent within a day.',
    tag,
    body: createBackupBody,
    response: backupWork,
    status: 202,
    errors: {
      409: ['backups-not-configured', 'nothing-to-back-up', 'subject-busy', 'idempotency-key-in-use'],
      422: ['idempotency-key-reused'],
    },
  })
  create(
    @Body(new ZodPipe(createBackupBody)) body: CreateBackupBody,
    @CurrentPrincipal() principal: Principal,
    @CurrentAttempt() attempt: Attempt | undefined,
  ): Promise<BackupWorkView> {
    return this.backups.create(body.full, principal, attempt);
  }

  @Get()
  @Access('admin', 'service')
  @ApiJson({
    id: 'listBackups',
    summary: 'List complete backups, the newest first',
    tag,
    response: backupList,
    errors: { 409: ['backups-not-configured'] },
  })
  async list(): Promise<BackupList> {
    return { items: (await this.backups.list()).map(summaryOf) };
  }

  @Get(':id')
  @Access('admin', 'service')
  @ApiJson({
    id: 'describeBackup',
    summary: 'Describe a backup with the positions in it',
    tag,
    response: backupView,
    errors: { 404: ['backup-not-found'], 409: ['backups-not-configured', 'backup-damaged', 'backup-newer'] },
  })
  async describe(@Param('id') id: string): Promise<BackupView> {
    return viewOf(await this.backups.describe(id));
  }

  @Post(':id([^:]+)::verify')
  @OncePerKey()
  @HttpCode(202)
  @Access('admin', 'service')
  @ApiJson({
    id: 'verifyBackup',
    summary: 'Read a backup back',
    description:
      'Every file against its checksum, every batch of the log, the structure of the database. An operation does it; what it found stands in the description of the backup.',
    tag,
    response: backupWork,
    status: 202,
    errors: { 404: ['backup-not-found'], 409: ['backups-not-configured', 'backup-newer', 'subject-busy'] },
  })
  verify(
    @Param('id') id: string,
    @CurrentPrincipal() principal: Principal,
    @CurrentAttempt() attempt: Attempt | undefined,
  ): Promise<BackupWorkView> {
    return this.backups.verify(id, principal, attempt);
  }

  @Post(':id([^:]+)::restore')
  @OncePerKey()
  @HttpCode(202)
  @Access('admin', 'service')
  @ApiJson({
    id: 'restoreBackup',
    summary: 'Become what a backup holds',
    description:
      'On a service that holds nothing yet. An operation copies and compares everything beside what is there; then the service stops in order and starts again as the backup, which knows nothing of the operation. Until that moment nothing has changed. From the command line: `npm start -- --restore <backup>`.',
    tag,
    query: restoreQuery,
    response: restoreWork,
    status: 202,
    errors: {
      404: ['backup-not-found'],
      409: [
        'backups-not-configured',
        'service-not-empty',
        'restore-not-possible',
        'backup-newer',
        'backup-damaged',
        'subject-busy',
      ],
    },
  })
  async restore(
    @Param('id') id: string,
    @Query(new ZodPipe(restoreQuery)) { dryRun }: RestoreQuery,
    @CurrentPrincipal() principal: Principal,
    @CurrentAttempt() attempt: Attempt | undefined,
  ): Promise<RestoreWorkView> {
    if (!dryRun) return this.backups.restore(id, principal, attempt);
    await this.backups.tryRestore(id, principal);
    return { id, operation: null };
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('admin', 'service')
  @ApiJson({
    id: 'deleteBackup',
    summary: 'Delete a backup',
    description: 'Files that it shares with others stay with them.',
    tag,
    status: 204,
    errors: { 404: ['backup-not-found'], 409: ['backups-not-configured', 'backup-in-use'] },
  })
  async delete(@Param('id') id: string): Promise<void> {
    await this.backups.delete(id);
  }
}
