import { Module } from '@nestjs/common';
import { TopicCommandsController } from './topic-commands.controller.js';
import { TopicsController } from './topics.controller.js';
import { TopicsService } from './topics.service.js';

/** Topics over REST. Needs `TopicDirectories`, `TopicLifecycle` and `Authorizer` from the composition. */
@Module({ controllers: [TopicsController, TopicCommandsController], providers: [TopicsService] })
export class TopicsModule {}
