import { Module } from '@nestjs/common';
import { DerivationsController } from './derivations.controller.js';
import { DerivationsService } from './derivations.service.js';
import { KeyHistoryController } from './key-history.controller.js';
import { KeyHistoryService } from './key-history.service.js';
import { LatestController } from './latest.controller.js';
import { SnapshotController } from './snapshot.controller.js';

/** Derivations over REST. Needs `Derivations`, `RecordDecoder`, `ServiceKeys` and `Authorizer` from the composition. */
@Module({
  controllers: [DerivationsController, LatestController, KeyHistoryController, SnapshotController],
  providers: [DerivationsService, KeyHistoryService],
})
export class DerivationsModule {}
