import { Module } from '@nestjs/common';
import { MigrationsController } from './migrations.controller.js';
import { MigrationsService } from './migrations.service.js';

/** Migrations over REST. Needs `OperationEngine` (with a `MigrationHandler`), `MigrationSamples` and `Authorizer` from the composition. */
@Module({ controllers: [MigrationsController], providers: [MigrationsService] })
export class MigrationsModule {}
