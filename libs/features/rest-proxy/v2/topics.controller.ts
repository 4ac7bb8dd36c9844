import { Body, Controller, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { PartitionReplicas } from '#libs/core/log';
import { Access, Authorizer, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, BatchRoom, ConfluentApi, RequestSignal } from '#libs/platform/http';
import { ClusterIds } from '../cluster-ids.js';
import { formatOfType, V2, V2_PRODUCE } from '../dialects.js';
import { nothingHere, partitionMissing } from '../errors.js';
import { pathNumber } from '../json-members.js';
import { TAG } from '../tag.js';
import { V2Produce, type V2Produced } from './produce.js';
import * as shapes from './shapes.js';

const PRODUCE = {
  tag: TAG,
  description:
    'The media type says how keys and values are given: `application/vnd.kafka.{binary|json|avro|jsonschema|protobuf}.v2+json`, binary without one. A bad value refuses the request; what the broker refuses is told record by record, under status 200.',
  body: shapes.produceBody,
  response: shapes.produced,
  bodyLimit: 8 * 1024 * 1024,
  jsonValues: 150_000,
  batched: true,
} as const;

/** Metadata and producing in v2 (section 5 of the contract), in the default cluster. */
@Controller()
export class V2TopicsController {
  constructor(
    private readonly clusters: ClusterIds,
    private readonly authorizer: Authorizer,
    private readonly producing: V2Produce,
  ) {}

  @Get('brokers')
  @ConfluentApi(V2)
  @Access('read', 'cluster')
  @ApiJson({ id: 'restV2ListBrokers', summary: 'Ids of the brokers', tag: TAG, response: shapes.brokers })
  async brokers(): Promise<object> {
    const { engine } = await this.clusters.standard();
    return { brokers: (await engine.administration.describeCluster()).brokers.map(({ id }) => id) };
  }

  @Get('topics')
  @ConfluentApi(V2)
  @Access('read', 'topic')
  @ApiJson({ id: 'restV2ListTopics', summary: 'Names of the topics', tag: TAG, response: shapes.topics })
  async topics(@CurrentPrincipal() principal: Principal): Promise<readonly string[]> {
    const { directory } = await this.clusters.standard();
    const names = (await directory.list()).map(({ logical }) => logical);
    return names.filter((name) => this.authorizer.allows(principal, 'read', { kind: 'topic', name }));
  }

  @Get('topics/:topic')
  @ConfluentApi(V2)
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'restV2GetTopic', summary: 'A topic with settings and partitions', tag: TAG, response: shapes.topic })
  async topic(@Param('topic') topic: string): Promise<object> {
    const { engine, directory } = await this.clusters.standard();
    const { physical } = await directory.resolve(topic);
    const [described] = await engine.administration.describeConfigs([{ kind: 'topic', topic: physical }]);
    const entries = (described?.entries ?? []).map(({ name, value }) => [name, value] as const);
    return { name: topic, configs: Object.fromEntries(entries), partitions: await this.#partitions(topic) };
  }

  @Get('topics/:topic/partitions')
  @ConfluentApi(V2)
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'restV2ListPartitions',
    summary: 'Partitions with their replicas',
    tag: TAG,
    response: shapes.partitions,
  })
  partitions(@Param('topic') topic: string): Promise<readonly object[]> {
    return this.#partitions(topic);
  }

  @Get('topics/:topic/partitions/:partition')
  @ConfluentApi(V2)
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'restV2GetPartition',
    summary: 'A partition with its replicas',
    tag: TAG,
    response: shapes.partition,
  })
  async partition(@Param('topic') topic: string, @Param('partition') partition: string): Promise<object> {
    const number = numberOf(partition);
    const found = (await this.#partitions(topic)).find((one) => one.partition === number);
    if (found === undefined) throw partitionMissing();
    return found;
  }

  @Get('topics/:topic/partitions/:partition/offsets')
  @ConfluentApi(V2)
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'restV2GetOffsets',
    summary: 'First and end offset of a partition',
    tag: TAG,
    response: shapes.offsets,
  })
  async offsets(@Param('topic') topic: string, @Param('partition') partition: string): Promise<object> {
    const number = numberOf(partition);
    const { directory } = await this.clusters.standard();
    const { description } = await directory.resolve(topic);
    const found = description.partitions.find((one) => one.partition === number);
    if (found === undefined) throw partitionMissing();
    return { beginning_offset: found.startOffset, end_offset: found.endOffset };
  }

  @Post('topics/:topic')
  @HttpCode(200)
  @ConfluentApi(V2_PRODUCE)
  @Access('write', 'topic', 'topic')
  @ApiJson({ id: 'restV2Produce', summary: 'Write records', ...PRODUCE })
  produce(
    @Req() request: FastifyRequest,
    @Param('topic') topic: string,
    @Body() body: unknown,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
  ): Promise<V2Produced> {
    return this.producing.produce(topic, formatOf(request), body, { principal, room: new BatchRoom(request), signal });
  }

  @Post('topics/:topic/partitions/:partition')
  @HttpCode(200)
  @ConfluentApi(V2_PRODUCE)
  @Access('write', 'topic', 'topic')
  @ApiJson({ id: 'restV2ProduceTo', summary: 'Write records to a partition', ...PRODUCE })
  produceTo(
    @Req() request: FastifyRequest,
    @Param('topic') topic: string,
    @Param('partition') partition: string,
    @Body() body: unknown,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
  ): Promise<V2Produced> {
    return this.producing.produce(topic, formatOf(request), body, {
      partition: numberOf(partition),
      room: new BatchRoom(request),
      principal,
      signal,
    });
  }

  async #partitions(
    name: string,
  ): Promise<readonly { readonly partition: number; readonly leader: number | null; readonly replicas: object[] }[]> {
    const { engine, directory } = await this.clusters.standard();
    const { physical } = await directory.resolve(name);
    return (await engine.administration.describeReplicas([physical])).map(partitionOf);
  }
}

function partitionOf({ partition, leader, replicas, inSync }: PartitionReplicas) {
  return {
    partition,
    leader,
    replicas: replicas.map((broker) => ({
      broker,
      leader: broker === leader,
      in_sync: inSync.includes(broker),
    })),
  };
}

function numberOf(partition: string): number {
  const number = pathNumber(partition);
  if (number === undefined) throw nothingHere();
  return number;
}

/** Without a type keys and values are binary. */
function formatOf({ headers }: FastifyRequest) {
  return formatOfType(headers['content-type'] ?? '') ?? 'binary';
}
