import { Module } from '@nestjs/common';
import { ClustersController } from './clusters.controller.js';
import { ClustersService } from './clusters.service.js';
import { ReplicationController } from './replication.controller.js';

/** Clusters over REST. Needs `Clusters` from the composition. */
@Module({ controllers: [ClustersController, ReplicationController], providers: [ClustersService] })
export class ClustersModule {}
