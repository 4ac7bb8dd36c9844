import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { TopicSamples } from '#libs/core/scans';
import { SchemaProposals } from '#libs/core/schema';
import { Access } from '#libs/platform/auth';
import { ApiJson, RequestSignal, ZodPipe } from '#libs/platform/http';
import {
  topicProposalView,
  topicProposalViewOf,
  topicSamplesBody,
  type TopicProposalView,
  type TopicSamplesBody,
} from './inference-shapes.js';

/** A schema proposed from what a topic retains, in the default cluster and in a named one. Nothing is stored. */
@Controller(['v1/topics/:topic', 'v1/clusters/:cluster/topics/:topic'])
export class TopicInferenceController {
  constructor(
    private readonly topics: TopicSamples,
    private readonly proposals: SchemaProposals,
  ) {}

  @Post('schemas::infer')
  @HttpCode(200)
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'inferSchemaOfTopic',
    summary: 'Propose a schema from the newest records of a topic',
    tag: 'schemas',
    description:
      'Samples are values (or keys) that are JSON text, and those that name a schema, decoded by it. Null ones and undecodable ones are counted, the first of these named with their offset. `sampled` says offset by offset what was looked at: 64 MiB are read at most and 16 MiB of them kept.',
    body: topicSamplesBody,
    bodyExample: { records: 500, name: 'Order' },
    response: topicProposalView,
    errors: {
      404: ['topic-not-found', 'partition-not-found', 'cluster-not-found'],
      422: [
        'topic-without-samples',
        'samples-too-complex',
        'samples-too-deep',
        'samples-too-varied',
        'samples-no-message',
      ],
      429: ['scans-busy'],
    },
  })
  async infer(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Body(new ZodPipe(topicSamplesBody)) body: TopicSamplesBody,
    @RequestSignal() signal: AbortSignal,
  ): Promise<TopicProposalView> {
    const { part, partitions, records, schemaType, ...options } = body;
    const { made, sampled } = await this.topics.sample(
      { cluster, topic, part, partitions, records },
      signal,
      (samples) => this.proposals.propose(samples, schemaType, options),
    );
    return topicProposalViewOf(made, sampled);
  }
}
