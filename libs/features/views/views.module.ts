import { Module } from '@nestjs/common';
import { RowsController } from './rows.controller.js';
import { RowsService } from './rows.service.js';
import { ViewsController } from './views.controller.js';
import { ViewsService } from './views.service.js';

/** Views over REST. Needs `Views` and `Authorizer` from the composition. */
@Module({ controllers: [ViewsController, RowsController], providers: [ViewsService, RowsService] })
export class ViewsModule {}
