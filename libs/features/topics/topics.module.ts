import { Module } from '@nestjs/common';
import { ClustersController } from './clusters.controller.js';
import { TopicsController } from './topics.controller.js';
import { TopicsService } from './topics.service.js';

/** Topics and clusters over REST. Needs `TopicDirectories`, `Clusters`, `OperationStore` and `Authorizer` from the composition. */
@Module({ controllers: [TopicsController, ClustersController], providers: [TopicsService] })
export class TopicsModule {}
