import type { Type } from '@nestjs/common';
import { AccessModule } from '#libs/features/access';
import { ChangeRequestsModule } from '#libs/features/change-requests';
import { ClusterMovesModule } from '#libs/features/cluster-moves';
import { ClustersModule } from '#libs/features/clusters';
import { DerivationsModule } from '#libs/features/derivations';
import { GroupsModule } from '#libs/features/groups';
import { MigrationsModule } from '#libs/features/migrations';
import { OperationsModule } from '#libs/features/operations';
import { RecordsModule } from '#libs/features/records';
import { RegistryModule } from '#libs/features/registry';
import { RepartitioningModule } from '#libs/features/repartitioning';
import { RestProxyModule } from '#libs/features/rest-proxy';
import { ScansModule } from '#libs/features/scans';
import { TopicsModule } from '#libs/features/topics';
import { ViewsModule } from '#libs/features/views';

/** What the service offers, one module each. */
export const FEATURES: readonly Type[] = [
  AccessModule,
  ClustersModule,
  TopicsModule,
  RecordsModule,
  GroupsModule,
  RegistryModule,
  ChangeRequestsModule,
  OperationsModule,
  RepartitioningModule,
  ClusterMovesModule,
  MigrationsModule,
  ScansModule,
  DerivationsModule,
  ViewsModule,
  RestProxyModule,
];
