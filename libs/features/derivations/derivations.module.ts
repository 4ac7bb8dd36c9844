import { Module } from '@nestjs/common';
import { DerivationsController } from './derivations.controller.js';
import { DerivationsService } from './derivations.service.js';
import { ErasuresController } from './erasures.controller.js';
import { KeyHistoryController } from './key-history.controller.js';
import { KeyHistoryService } from './key-history.service.js';
import { LatestController } from './latest.controller.js';
import { RebuildsController } from './rebuilds.controller.js';
import { SnapshotController } from './snapshot.controller.js';

/** Derivations over REST. Needs `Derivations`, `OperationEngine` (with a `DeriveHandler`, a `RebuildHandler` and an `ErasureHandler`), `RecordDecoder`, `ServiceKeys` and `Authorizer` from the composition. */
@Module({
  controllers: [
    DerivationsController,
    LatestController,
    KeyHistoryController,
    RebuildsController,
    ErasuresController,
    SnapshotController,
  ],
  providers: [DerivationsService, KeyHistoryService],
})
export class DerivationsModule {}
