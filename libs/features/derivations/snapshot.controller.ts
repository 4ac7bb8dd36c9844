import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access } from '#libs/platform/auth';
import { ApiJson, PacedAnswer, signalOf, STREAMED_TYPE } from '#libs/platform/http';
import { DerivationsService } from './derivations.service.js';

/** Everything a derived topic says now, as lines, and where to go on from there. */
@Controller(['v1/topics/:topic/snapshot', 'v1/clusters/:cluster/topics/:topic/snapshot'])
export class SnapshotController {
  constructor(private readonly derivations: DerivationsService) {}

  @Get()
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'snapshotLatest',
    summary: 'The latest state of every key at one position',
    description:
      'A line for each live key, as looking it up shows it, all as of one position. The last line is `{"end": {"keys", "cursor"}}`: an answer without it broke off. Reading the records of the topic, or following its stream, with that cursor gives what changed since, nothing left out and nothing twice.',
    tag: 'derivations',
    produces: STREAMED_TYPE,
    errors: { 409: ['not-a-latest-stream'] },
  })
  async snapshot(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { rows, count, cursor } = await this.derivations.snapshot(cluster, topic, signalOf(request));
    const answer = new PacedAnswer(request, reply, { 'content-type': STREAMED_TYPE });
    try {
      for await (const row of rows) await answer.write(`${JSON.stringify(row)}\n`);
      answer.raw.end(`${JSON.stringify({ end: { keys: count, cursor } })}\n`);
    } catch (error) {
      answer.raw.destroy();
      throw error;
    }
  }
}
