import { Module } from '@nestjs/common';
import { MovesController } from './moves.controller.js';
import { MovesService } from './moves.service.js';

/** Moves of topics between clusters over REST. Needs `OperationEngine` (with a `MoveHandler`) and `Authorizer` from the composition. */
@Module({ controllers: [MovesController], providers: [MovesService] })
export class ClusterMovesModule {}
