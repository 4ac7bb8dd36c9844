import { Module } from '@nestjs/common';
import { TopicChangesController } from './topic-changes.controller.js';
import { TopicChangesService } from './topic-changes.service.js';
import { TopicCommandsController } from './topic-commands.controller.js';
import { TopicSetsController } from './topic-sets.controller.js';
import { TopicSetsService } from './topic-sets.service.js';
import { TopicsController } from './topics.controller.js';
import { TopicsService } from './topics.service.js';

/** Topics over REST. Needs `TopicDirectories`, `TopicLifecycle`, `OperationStore` and `Authorizer` from the composition. */
@Module({
  controllers: [TopicsController, TopicChangesController, TopicCommandsController, TopicSetsController],
  providers: [TopicsService, TopicChangesService, TopicSetsService],
})
export class TopicsModule {}
