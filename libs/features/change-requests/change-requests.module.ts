import { Module } from '@nestjs/common';
import { ChangeRequestsController } from './change-requests.controller.js';
import { ChangeRequestsService } from './change-requests.service.js';

/** Plans that wait for others to agree, over REST. Needs `ChangeRequestStore`, `Clock` and `Authorizer` from the composition. */
@Module({ controllers: [ChangeRequestsController], providers: [ChangeRequestsService] })
export class ChangeRequestsModule {}
