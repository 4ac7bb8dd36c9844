import { Body, Controller, Get, Param, Patch, Query } from '@nestjs/common';
import { AppError } from '#libs/core/kernel';
import { Access } from '#libs/platform/auth';
import { ApiJson, pageOf, ZodPipe } from '#libs/platform/http';
import {
  accessRulePage,
  type AccessRulePage,
  accessRulesQuery,
  type AccessRulesQuery,
  brokerList,
  type BrokerView,
  clusterDescriptionView,
  type ClusterDescriptionView,
  type ClusterList,
  clusterList,
  type ClusterView,
  configChanges,
  configList,
  type ConfigList,
  directoriesQuery,
  type DirectoriesQuery,
  directoryList,
  type DirectoryView,
  dryRunQuery,
  type DryRunQuery,
  replicasPage,
  type ReplicasPage,
  replicasQuery,
  type ReplicasQuery,
} from './cluster-schemas.js';
import { brokersOf, clusterOf, configOf, descriptionOf, directoryOf, replicasOf } from './cluster-views.js';
import { ClustersService } from './clusters.service.js';

const PHYSICAL =
  'Topics are the physical ones, as the brokers know them: `orders--g2` is the second generation of `orders`.';

/** The configured clusters: what they are made of, their settings, sizes and rules. What names topics is for operators. */
@Controller('v1/clusters')
export class ClustersController {
  constructor(private readonly clusters: ClustersService) {}

  @Get()
  @Access('read', 'cluster')
  @ApiJson({ id: 'listClusters', summary: 'List the configured clusters', tag: 'clusters', response: clusterList })
  list(): ClusterList {
    return {
      items: this.clusters.names().map((name) => this.#view(name)),
      away: this.clusters.away().map(({ name, reason: { code, message } }) => {
        return { name, default: name === this.clusters.defaultName, code, message };
      }),
    };
  }

  @Get(':cluster')
  @Access('read', 'cluster', 'cluster')
  @ApiJson({
    id: 'describeCluster',
    summary: 'Describe a cluster: its brokers, and what exactly-once rests on',
    tag: 'clusters',
    response: clusterDescriptionView,
    errors: { 404: ['cluster-not-found'] },
  })
  async describe(@Param('cluster') cluster: string): Promise<ClusterDescriptionView> {
    const view = this.#view(cluster);
    return descriptionOf(view, await this.clusters.engine(cluster).administration.describeCluster());
  }

  @Get(':cluster/brokers')
  @Access('read', 'cluster', 'cluster')
  @ApiJson({
    id: 'listBrokers',
    summary: 'List the brokers of a cluster that are up',
    tag: 'clusters',
    response: brokerList,
    errors: { 404: ['cluster-not-found'] },
  })
  async brokers(@Param('cluster') cluster: string): Promise<{ items: BrokerView[] }> {
    return { items: brokersOf(await this.clusters.engine(cluster).administration.describeCluster()) };
  }

  @Get(':cluster/brokers/:broker/config')
  @Access('operate', 'cluster', 'cluster')
  @ApiJson({
    id: 'getBrokerConfig',
    summary: 'List the settings of a broker',
    tag: 'clusters',
    response: configList,
    errors: { 404: ['cluster-not-found', 'broker-not-found'] },
  })
  async config(@Param('cluster') cluster: string, @Param('broker') broker: string): Promise<ConfigList> {
    return configOf(await this.clusters.config(cluster, { kind: 'broker', broker: brokerId(broker) }));
  }

  @Patch(':cluster/brokers/:broker/config')
  @Access('admin', 'cluster', 'cluster')
  @ApiJson({
    id: 'alterBrokerConfig',
    summary: 'Change settings of a broker',
    description: 'All of them or none; answers the settings in force then. With `dryRun=true` they are only judged.',
    tag: 'clusters',
    query: dryRunQuery,
    body: configChanges,
    bodyExample: { 'log.cleaner.threads': '2' },
    response: configList,
    errors: { 400: ['invalid-broker-config'], 404: ['cluster-not-found', 'broker-not-found'] },
  })
  async alterConfig(
    @Param('cluster') cluster: string,
    @Param('broker') broker: string,
    @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery,
    @Body(new ZodPipe(configChanges)) changes: Record<string, string | null>,
  ): Promise<ConfigList> {
    const resource = { kind: 'broker', broker: brokerId(broker) } as const;
    return configOf(await this.clusters.alterConfig(cluster, resource, changes, dryRun));
  }

  @Get(':cluster/config')
  @Access('operate', 'cluster', 'cluster')
  @ApiJson({
    id: 'getClusterConfig',
    summary: 'List the settings made for all brokers',
    tag: 'clusters',
    response: configList,
    errors: { 404: ['cluster-not-found'] },
  })
  async allBrokersConfig(@Param('cluster') cluster: string): Promise<ConfigList> {
    return configOf(await this.clusters.config(cluster, { kind: 'all-brokers' }));
  }

  @Patch(':cluster/config')
  @Access('admin', 'cluster', 'cluster')
  @ApiJson({
    id: 'alterClusterConfig',
    summary: 'Change settings of all brokers',
    description: 'They hold for every broker that has none of its own. With `dryRun=true` they are only judged.',
    tag: 'clusters',
    query: dryRunQuery,
    body: configChanges,
    bodyExample: { 'log.cleaner.threads': null },
    response: configList,
    errors: { 400: ['invalid-broker-config'], 404: ['cluster-not-found'] },
  })
  async alterAllBrokersConfig(
    @Param('cluster') cluster: string,
    @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery,
    @Body(new ZodPipe(configChanges)) changes: Record<string, string | null>,
  ): Promise<ConfigList> {
    return configOf(await this.clusters.alterConfig(cluster, { kind: 'all-brokers' }, changes, dryRun));
  }

  @Get(':cluster/log-directories')
  @Access('operate', 'cluster', 'cluster')
  @ApiJson({
    id: 'listLogDirectories',
    summary: 'List the directories of the brokers, with what each topic takes in them',
    description: PHYSICAL,
    tag: 'clusters',
    query: directoriesQuery,
    response: directoryList,
    errors: { 404: ['cluster-not-found', 'broker-not-found'] },
  })
  async directories(
    @Param('cluster') cluster: string,
    @Query(new ZodPipe(directoriesQuery)) { broker, topic }: DirectoriesQuery,
  ): Promise<{ items: DirectoryView[] }> {
    const directories = await this.clusters.directories(cluster, broker);
    return { items: directories.map((one) => directoryOf(one, topic)) };
  }

  @Get(':cluster/replicas')
  @Access('operate', 'cluster', 'cluster')
  @ApiJson({
    id: 'listReplicas',
    summary: 'List where the copies of partitions are and who leads',
    description: PHYSICAL,
    tag: 'clusters',
    query: replicasQuery,
    response: replicasPage,
    errors: { 404: ['cluster-not-found', 'topic-not-found'] },
  })
  async replicas(
    @Param('cluster') cluster: string,
    @Query(new ZodPipe(replicasQuery)) query: ReplicasQuery,
  ): Promise<ReplicasPage> {
    const replicas = await this.clusters.replicas(cluster, query.topic, query.only === 'problems');
    const { items, next } = pageOf(
      replicas,
      query,
      ({ topic, partition }) => `${topic} ${String(partition).padStart(10, '0')}`,
    );
    return { items: items.map(replicasOf), next };
  }

  @Get(':cluster/access-rules')
  @Access('admin', 'cluster', 'cluster')
  @ApiJson({
    id: 'listAccessRules',
    summary: 'List the access rules that the brokers enforce',
    description: 'For those who come to the brokers directly. What this service allows is decided by its own roles.',
    tag: 'clusters',
    query: accessRulesQuery,
    response: accessRulePage,
    errors: { 404: ['cluster-not-found'], 409: ['access-rules-not-kept'] },
  })
  async accessRules(
    @Param('cluster') cluster: string,
    @Query(new ZodPipe(accessRulesQuery)) query: AccessRulesQuery,
  ): Promise<AccessRulePage> {
    const { limit, cursor, ...given } = query;
    const filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    const rules = await this.clusters.accessRules(cluster, filter);
    const { items, next } = pageOf(rules, { limit, cursor }, (rule) => JSON.stringify(Object.values(rule)));
    return { items: items.map((one) => ({ ...one })), next };
  }

  #view(name: string): ClusterView {
    return clusterOf(name, name === this.clusters.defaultName, this.clusters.engine(name));
  }
}

/** @throws `broker-not-found` for what is no number of a broker. */
function brokerId(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new AppError({
    kind: 'not-found',
    code: 'broker-not-found',
    message: `'${text.slice(0, 100)}' is no number of a broker.`,
  });
}
