import { Module } from '@nestjs/common';
import { ViewsController } from './views.controller.js';
import { ViewsService } from './views.service.js';

/** Views over REST. Needs `Views` and `Authorizer` from the composition. */
@Module({ controllers: [ViewsController], providers: [ViewsService] })
export class ViewsModule {}
