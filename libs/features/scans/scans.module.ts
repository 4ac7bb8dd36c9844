import { Module } from '@nestjs/common';
import { ReplayController } from './replay.controller.js';
import { ReplayService } from './replay.service.js';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';

/** What retained records say of schemas, over REST. Needs `SchemaUsages`, `IdUsages`, `SchemaReplays`, `OperationEngine` with the handlers of scans, `Registry` and `Authorizer`. */
@Module({
  controllers: [UsageController, ReplayController],
  providers: [UsageService, ReplayService],
})
export class ScansModule {}
