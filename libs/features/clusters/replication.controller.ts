import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { Access } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';
import {
  electBody,
  type ElectBody,
  electionList,
  type ElectionList,
  moveList,
  type MoveList,
  outcomeList,
  type OutcomeList,
  placesBody,
  type PlacesBody,
  reassignBody,
  type ReassignBody,
  reassignmentList,
  type ReassignmentList,
} from './cluster-schemas.js';
import { failureOf } from './cluster-views.js';
import { ClustersService } from './clusters.service.js';

/** Copies and leaders of partitions: moved, elected. Topics are physical ones. */
@Controller('v1/clusters')
export class ReplicationController {
  constructor(private readonly clusters: ClustersService) {}

  @Get(':cluster/reassignments')
  @Access('operate', 'cluster', 'cluster')
  @ApiJson({
    id: 'listReassignments',
    summary: 'List the copies that are on their way to other brokers',
    tag: 'clusters',
    response: reassignmentList,
    errors: { 404: ['cluster-not-found'] },
  })
  async list(@Param('cluster') cluster: string): Promise<ReassignmentList> {
    const moving = await this.clusters.engine(cluster).administration.listReassignments();
    return {
      items: moving.map(({ topic, partition, replicas, adding, removing }) => ({
        topic,
        partition,
        replicas: [...replicas],
        adding: [...adding],
        removing: [...removing],
      })),
    };
  }

  @Post(':cluster/reassignments')
  @HttpCode(202)
  @Access('operate', 'cluster', 'cluster')
  @ApiJson({
    id: 'startReassignments',
    summary: 'Move copies of partitions to other brokers',
    description:
      'A plan that cannot be is refused as a whole. The moves go on by themselves: `GET …/reassignments` shows what is under way. A partition that is moving goes to the new target. Repeating is harmless.',
    tag: 'clusters',
    body: reassignBody,
    bodyExample: { partitions: [{ topic: 'orders', partition: 0, replicas: [2, 3] }], dryRun: true },
    response: moveList,
    status: 202,
    errors: {
      400: ['invalid-reassignment'],
      404: ['cluster-not-found', 'topic-not-found', 'partition-not-found', 'broker-not-found'],
    },
  })
  async start(
    @Param('cluster') cluster: string,
    @Body(new ZodPipe(reassignBody)) { partitions, dryRun }: ReassignBody,
  ): Promise<MoveList> {
    const { planned, outcomes } = await this.clusters.reassign(cluster, partitions, dryRun);
    return {
      dryRun,
      items: planned.map(({ topic, partition, from, to, adding, removing }, i) => ({
        topic,
        partition,
        from: [...from],
        to: [...to],
        adding: [...adding],
        removing: [...removing],
        ...failureOf(outcomes?.[i]?.error),
      })),
    };
  }

  @Post(':cluster/reassignments::cancel')
  @HttpCode(200)
  @Access('operate', 'cluster', 'cluster')
  @ApiJson({
    id: 'cancelReassignments',
    summary: 'End moves and go back to the copies before',
    tag: 'clusters',
    body: placesBody,
    bodyExample: { partitions: [{ topic: 'orders', partition: 0 }] },
    response: outcomeList,
    errors: { 404: ['cluster-not-found', 'topic-not-found', 'partition-not-found'] },
  })
  async cancel(
    @Param('cluster') cluster: string,
    @Body(new ZodPipe(placesBody)) { partitions }: PlacesBody,
  ): Promise<OutcomeList> {
    const outcomes = await this.clusters.cancelReassignments(cluster, partitions);
    return { items: outcomes.map(({ topic, partition, error }) => ({ topic, partition, ...failureOf(error) })) };
  }

  @Post(':cluster([^:]+)::elect-leaders')
  @HttpCode(200)
  @Access('operate', 'cluster', 'cluster')
  @ApiJson({
    id: 'electLeaders',
    summary: 'Hand the lead of partitions back to their preferred brokers',
    description: 'Only brokers in sync are elected, so nothing acknowledged is given up. Repeating is harmless.',
    tag: 'clusters',
    body: electBody,
    bodyExample: { dryRun: true },
    response: electionList,
    errors: { 404: ['cluster-not-found', 'topic-not-found', 'partition-not-found'] },
  })
  async elect(
    @Param('cluster') cluster: string,
    @Body(new ZodPipe(electBody)) { partitions, dryRun }: ElectBody,
  ): Promise<ElectionList> {
    const { planned, outcomes } = await this.clusters.elect(cluster, partitions, dryRun);
    return {
      dryRun,
      items: planned.map(({ topic, partition, leader, preferred, would }, i) => {
        const held = outcomes?.[i];
        const outcome = held?.outcome ?? (would === 'elect' ? 'would-elect' : would);
        return { topic, partition, leader, preferred, outcome, ...failureOf(held?.error) };
      }),
    };
  }
}
