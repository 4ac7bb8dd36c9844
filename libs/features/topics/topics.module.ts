import { Module } from '@nestjs/common';
import { ClustersController } from './clusters.controller.js';
import { TopicCommandsController } from './topic-commands.controller.js';
import { TopicsController } from './topics.controller.js';
import { TopicsService } from './topics.service.js';

/** Topics and clusters over REST. Needs `TopicDirectories`, `Clusters`, `TopicLifecycle` and `Authorizer` from the composition. */
@Module({ controllers: [TopicsController, TopicCommandsController, ClustersController], providers: [TopicsService] })
export class TopicsModule {}
