import { Module } from '@nestjs/common';
import { GroupsController } from './groups.controller.js';
import { GroupsService } from './groups.service.js';

/** Groups over REST. Needs `TopicDirectories` and `Authorizer` from the composition. */
@Module({ controllers: [GroupsController], providers: [GroupsService] })
export class GroupsModule {}
