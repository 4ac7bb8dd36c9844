import { Module } from '@nestjs/common';
import { RepartitionsController } from './repartitions.controller.js';
import { RepartitionsService } from './repartitions.service.js';

/** Repartitioning over REST. Needs `OperationEngine` (with a `RepartitionHandler`) and `Authorizer` from the composition. */
@Module({ controllers: [RepartitionsController], providers: [RepartitionsService] })
export class RepartitioningModule {}
