import { Module } from '@nestjs/common';
import { ClusterIds } from './cluster-ids.js';
import { RecordsToWrite } from './produce/records-to-write.js';
import { ProduceSchemas } from './produce/schemas.js';
import { ConsumerInstances } from './v2/consumer-instances.js';
import { ConsumersRoutes } from './v2/consumers.routes.js';
import { V2Produce } from './v2/produce.js';
import { V2TopicsController } from './v2/topics.controller.js';
import { AclsController } from './v3/acls.controller.js';
import { ClustersController } from './v3/clusters.controller.js';
import { ClustersService } from './v3/clusters.service.js';
import { ConfigsService } from './v3/configs.service.js';
import { GroupsController } from './v3/groups.controller.js';
import { GroupsService } from './v3/groups.service.js';
import { PartitionsController } from './v3/partitions.controller.js';
import { PartitionsService } from './v3/partitions.service.js';
import { RecordsRoutes } from './v3/records.routes.js';
import { V3Records } from './v3/records.service.js';
import { TopicsController } from './v3/topics.controller.js';
import { TopicsService } from './v3/topics.service.js';

/**
 * The Confluent REST Proxy's paths, v3 and v2. Needs `Clusters`, `TopicDirectories`, `TopicLifecycle`, `RecordWriter`, `OperationStore`, `Derivations`, the registry's
 * parts and `Authorizer` from the composition.
 */
@Module({
  controllers: [
    ClustersController,
    TopicsController,
    PartitionsController,
    GroupsController,
    AclsController,
    V2TopicsController,
  ],
  providers: [
    ClusterIds,
    ClustersService,
    TopicsService,
    PartitionsService,
    ConfigsService,
    GroupsService,
    ProduceSchemas,
    RecordsToWrite,
    V3Records,
    RecordsRoutes,
    V2Produce,
    ConsumerInstances,
    ConsumersRoutes,
  ],
})
export class RestProxyModule {}

/** The vendor's server and cloud have v3 below `/kafka`; it is one route. */
export function rewriteRestProxyUrl(url: string): string {
  return url.startsWith('/kafka/v3/') ? url.slice('/kafka'.length) : url;
}
