import { Module } from '@nestjs/common';
import { OperationCommandsController } from './operation-commands.controller.js';
import { OperationsController } from './operations.controller.js';
import { OperationsService } from './operations.service.js';

/** Operations over REST. Needs `OperationEngine`, `Authorizer` and `Clusters` from the composition. */
@Module({ controllers: [OperationsController, OperationCommandsController], providers: [OperationsService] })
export class OperationsModule {}
