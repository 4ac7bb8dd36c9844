import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';
import { V3, V3_BODY } from '../dialects.js';
import { TAG } from '../tag.js';
import { ClustersService } from './clusters.service.js';
import { ConfigsService } from './configs.service.js';
import type { Resource } from './resources.js';
import { alterConfigsBody, configValueBody, resource, resourceList } from './shapes.js';

/** Clusters, brokers and the settings of brokers (section 3.1 of the contract). */
@Controller('v3/clusters')
export class ClustersController {
  constructor(
    private readonly clusters: ClustersService,
    private readonly configs: ConfigsService,
  ) {}

  @Get()
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({ id: 'restListClusters', summary: 'The cluster', tag: TAG, response: resourceList })
  list(@Req() request: FastifyRequest): Promise<Resource> {
    return this.clusters.list(request);
  }

  @Get(':cluster')
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({ id: 'restGetCluster', summary: 'A cluster by its id', tag: TAG, response: resource })
  get(@Req() request: FastifyRequest, @Param('cluster') cluster: string): Promise<Resource> {
    return this.clusters.get(request, cluster);
  }

  @Get(':cluster/brokers')
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({ id: 'restListBrokers', summary: 'Brokers of a cluster', tag: TAG, response: resourceList })
  brokers(@Req() request: FastifyRequest, @Param('cluster') cluster: string): Promise<Resource> {
    return this.clusters.brokers(request, cluster);
  }

  @Get(':cluster/brokers/-/configs')
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({ id: 'restListAllBrokerConfigs', summary: 'Settings of all brokers', tag: TAG, response: resourceList })
  allBrokerConfigs(@Req() request: FastifyRequest, @Param('cluster') cluster: string): Promise<Resource> {
    return this.configs.listOfBrokers(request, cluster);
  }

  @Get(':cluster/brokers/:broker')
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({ id: 'restGetBroker', summary: 'A broker', tag: TAG, response: resource })
  broker(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('broker') broker: string,
  ): Promise<Resource> {
    return this.clusters.broker(request, cluster, broker);
  }

  @Get(':cluster/brokers/:broker/partition-replicas')
  @ConfluentApi(V3)
  @Access('read', 'topic')
  @ApiJson({ id: 'restListBrokerReplicas', summary: 'Copies on a broker', tag: TAG, response: resourceList })
  replicas(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('broker') broker: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.clusters.replicasOn(request, cluster, broker, principal);
  }

  @Get(':cluster/brokers/:broker/configs')
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({ id: 'restListBrokerConfigs', summary: 'Settings of a broker', tag: TAG, response: resourceList })
  async brokerConfigs(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('broker') broker: string,
  ): Promise<Resource> {
    return this.configs.list(request, await this.configs.ofBroker(cluster, broker));
  }

  @Get(':cluster/brokers/:broker/configs/:name')
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({ id: 'restGetBrokerConfig', summary: 'A setting of a broker', tag: TAG, response: resource })
  async brokerConfig(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('broker') broker: string,
    @Param('name') name: string,
  ): Promise<Resource> {
    return this.configs.get(request, await this.configs.ofBroker(cluster, broker), name);
  }

  @Put(':cluster/brokers/:broker/configs/:name')
  @HttpCode(204)
  @ConfluentApi(V3_BODY)
  @Access('alter', 'cluster')
  @ApiJson({
    id: 'restSetBrokerConfig',
    summary: 'Set a setting of a broker',
    tag: TAG,
    body: configValueBody,
    status: 204,
  })
  async setBrokerConfig(
    @Param('cluster') cluster: string,
    @Param('broker') broker: string,
    @Param('name') name: string,
    @Body() body: unknown,
  ): Promise<void> {
    await this.configs.set(await this.configs.ofBroker(cluster, broker), name, body);
  }

  @Delete(':cluster/brokers/:broker/configs/:name')
  @HttpCode(204)
  @ConfluentApi(V3)
  @Access('alter', 'cluster')
  @ApiJson({
    id: 'restResetBrokerConfig',
    summary: 'Return a setting of a broker to its default',
    tag: TAG,
    status: 204,
  })
  async resetBrokerConfig(
    @Param('cluster') cluster: string,
    @Param('broker') broker: string,
    @Param('name') name: string,
  ): Promise<void> {
    await this.configs.reset(await this.configs.ofBroker(cluster, broker), name);
  }

  @Post(':cluster/brokers/:broker/configs::alter')
  @HttpCode(204)
  @ConfluentApi(V3_BODY)
  @Access('alter', 'cluster')
  @ApiJson({
    id: 'restAlterBrokerConfigs',
    summary: 'Change settings of a broker together',
    tag: TAG,
    body: alterConfigsBody,
    status: 204,
  })
  async alterBrokerConfigs(
    @Param('cluster') cluster: string,
    @Param('broker') broker: string,
    @Body() body: unknown,
  ): Promise<void> {
    await this.configs.alter(await this.configs.ofBroker(cluster, broker), body);
  }

  @Get(':cluster/broker-configs')
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({
    id: 'restListClusterConfigs',
    summary: 'Settings made for all brokers of a cluster',
    tag: TAG,
    response: resourceList,
  })
  async clusterConfigs(@Req() request: FastifyRequest, @Param('cluster') cluster: string): Promise<Resource> {
    return this.configs.list(request, await this.configs.ofCluster(cluster));
  }

  @Get(':cluster/broker-configs/:name')
  @ConfluentApi(V3)
  @Access('read', 'cluster')
  @ApiJson({
    id: 'restGetClusterConfig',
    summary: 'A setting made for all brokers of a cluster',
    tag: TAG,
    response: resource,
  })
  async clusterConfig(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('name') name: string,
  ): Promise<Resource> {
    return this.configs.get(request, await this.configs.ofCluster(cluster), name);
  }

  @Put(':cluster/broker-configs/:name')
  @HttpCode(204)
  @ConfluentApi(V3_BODY)
  @Access('alter', 'cluster')
  @ApiJson({
    id: 'restSetClusterConfig',
    summary: 'Set a setting for all brokers',
    tag: TAG,
    body: configValueBody,
    status: 204,
  })
  async setClusterConfig(
    @Param('cluster') cluster: string,
    @Param('name') name: string,
    @Body() body: unknown,
  ): Promise<void> {
    await this.configs.set(await this.configs.ofCluster(cluster), name, body);
  }

  @Delete(':cluster/broker-configs/:name')
  @HttpCode(204)
  @ConfluentApi(V3)
  @Access('alter', 'cluster')
  @ApiJson({ id: 'restResetClusterConfig', summary: 'Unset a setting of all brokers', tag: TAG, status: 204 })
  async resetClusterConfig(@Param('cluster') cluster: string, @Param('name') name: string): Promise<void> {
    await this.configs.reset(await this.configs.ofCluster(cluster), name);
  }

  @Post(':cluster/broker-configs::alter')
  @HttpCode(204)
  @ConfluentApi(V3_BODY)
  @Access('alter', 'cluster')
  @ApiJson({
    id: 'restAlterClusterConfigs',
    summary: 'Change settings of all brokers together',
    tag: TAG,
    body: alterConfigsBody,
    status: 204,
  })
  async alterClusterConfigs(@Param('cluster') cluster: string, @Body() body: unknown): Promise<void> {
    await this.configs.alter(await this.configs.ofCluster(cluster), body);
  }
}
