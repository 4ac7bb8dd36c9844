import { Module } from '@nestjs/common';
import { RowsController } from './rows.controller.js';
import { RowsService } from './rows.service.js';
import { SqlController } from './sql.controller.js';
import { SqlService } from './sql.service.js';
import { VersionsController } from './versions.controller.js';
import { ViewsController } from './views.controller.js';
import { ViewsService } from './views.service.js';

/** Views over REST. Needs `Views`, `OperationEngine` (with a `VersionHandler` and a `RowsHandler`) and `Authorizer` from the composition. */
@Module({
  controllers: [ViewsController, RowsController, SqlController, VersionsController],
  providers: [ViewsService, RowsService, SqlService],
})
export class ViewsModule {}
