import { Module } from '@nestjs/common';
import { GroupsController } from './groups.controller.js';
import { GroupsService } from './groups.service.js';
import { GroupLeasesController, LeasesController } from './leases.controller.js';
import { LeasesService } from './leases.service.js';
import { TopicGroupsController } from './topic-groups.controller.js';
import { TopicGroupsService } from './topic-groups.service.js';

/** Groups and leases over REST. Needs `TopicDirectories`, `Leases`, `MessageCodec`, `Clock` and `Authorizer` from the composition. */
@Module({
  controllers: [GroupsController, TopicGroupsController, GroupLeasesController, LeasesController],
  providers: [GroupsService, TopicGroupsService, LeasesService],
})
export class GroupsModule {}
