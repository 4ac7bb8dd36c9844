import { Module } from '@nestjs/common';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';

/** What retained records say of schemas, over REST. Needs `SchemaUsages`, `OperationEngine` with the handlers of scans, `Registry` and `Authorizer`. */
@Module({
  controllers: [UsageController],
  providers: [UsageService],
})
export class ScansModule {}
