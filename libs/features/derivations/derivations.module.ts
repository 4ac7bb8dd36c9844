import { Module } from '@nestjs/common';
import { DerivationsController } from './derivations.controller.js';
import { DerivationsService } from './derivations.service.js';
import { LatestController } from './latest.controller.js';

/** Derivations over REST. Needs `Derivations`, `RecordDecoder` and `Authorizer` from the composition. */
@Module({ controllers: [DerivationsController, LatestController], providers: [DerivationsService] })
export class DerivationsModule {}
