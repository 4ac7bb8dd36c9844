import { Controller, Get, Param, Query } from '@nestjs/common';
import { Access } from '#libs/platform/auth';
import { ApiJson, RequestSignal, ZodPipe } from '#libs/platform/http';
import {
  latestPage,
  latestQuery,
  latestRow,
  type LatestPage,
  type LatestQuery,
  type LatestRowView,
} from './derivation-schemas.js';
import { DerivationsService } from './derivations.service.js';

/** Lookups in latest streams, by key. Each answer reflects everything the stream holds when the request comes. */
@Controller(['v1/topics/:topic/latest', 'v1/clusters/:cluster/topics/:topic/latest'])
export class LatestController {
  constructor(private readonly derivations: DerivationsService) {}

  @Get()
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'listLatest',
    summary: 'List the latest state of each key',
    tag: 'derivations',
    query: latestQuery,
    response: latestPage,
    errors: { 409: ['not-a-latest-stream'] },
  })
  async list(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(latestQuery)) query: LatestQuery,
    @RequestSignal() signal: AbortSignal,
  ): Promise<LatestPage> {
    return this.derivations.latest(cluster, topic, query, signal);
  }

  @Get(':key')
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'getLatest',
    summary: 'Get the latest state of a key',
    tag: 'derivations',
    response: latestRow,
    errors: { 404: ['key-not-found'], 409: ['not-a-latest-stream'] },
  })
  async get(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Param('key') key: string,
    @RequestSignal() signal: AbortSignal,
  ): Promise<LatestRowView> {
    return this.derivations.latestOf(cluster, topic, key, signal);
  }
}
