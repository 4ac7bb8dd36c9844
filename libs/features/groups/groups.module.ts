import { Module } from '@nestjs/common';
import { GroupsController } from './groups.controller.js';
import { GroupsService } from './groups.service.js';
import { GroupLeasesController, LeasesController } from './leases.controller.js';
import { LeasesService } from './leases.service.js';

/** Groups and leases over REST. Needs `TopicDirectories`, `Leases`, `MessageCodec`, `Clock` and `Authorizer` from the composition. */
@Module({
  controllers: [GroupsController, GroupLeasesController, LeasesController],
  providers: [GroupsService, LeasesService],
})
export class GroupsModule {}
