import { Module } from '@nestjs/common';
import { BackupsController } from './backups.controller.js';
import { BackupsService } from './backups.service.js';

/** Backups over REST. Needs `Backups`, `OperationStore` and `OperationEngine` with the handlers of core/backups from the composition. */
@Module({ controllers: [BackupsController], providers: [BackupsService] })
export class BackupsModule {}
