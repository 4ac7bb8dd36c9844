import { Module, type DynamicModule } from '@nestjs/common';
import { BackupsController } from './backups.controller.js';
import { BackupsService } from './backups.service.js';
import { BACKUP_LIMITS, BackupTransfers, type BackupLimits } from './backup-transfers.js';
import { ContentRoutes } from './content.routes.js';

/** Backups over REST. Needs `Backups`, `OperationStore` and `OperationEngine` with the handlers of core/backups from the composition. */
@Module({})
export class BackupsModule {
  static with(limits: BackupLimits): DynamicModule {
    return {
      module: BackupsModule,
      controllers: [BackupsController],
      providers: [BackupsService, BackupTransfers, ContentRoutes, { provide: BACKUP_LIMITS, useValue: limits }],
    };
  }
}
