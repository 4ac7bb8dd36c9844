import { Readable } from 'node:stream';
import { Body, Controller, HttpCode, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { JsonValue } from '#libs/core/kernel';
import { jsonNode, SchemaProposals, type Samples } from '#libs/core/schema';
import { Access, declareRoute } from '#libs/platform/auth';
import { accountOf, ApiJson, STREAMED_TYPE, ZodPipe } from '#libs/platform/http';
import {
  proposalOptions,
  proposalView,
  proposalViewOf,
  samplesBody,
  samplesQuery,
  type ProposalView,
  type SamplesQuery,
} from './inference-shapes.js';
import { SampleLines } from './sample-lines.js';

const bodyPipe = new ZodPipe(samplesBody);
const optionsPipe = new ZodPipe(proposalOptions);

/** A schema proposed from samples. Nothing is stored. */
@Controller('v1')
export class SchemaInferenceController {
  constructor(private readonly proposals: SchemaProposals) {}

  @Post('schemas::infer')
  @HttpCode(200)
  @Access('read', 'subject')
  @declareRoute({ consumes: [STREAMED_TYPE] })
  @ApiJson({
    id: 'inferSchema',
    summary: 'Propose a schema from samples',
    tag: 'schemas',
    description:
      'The proposal takes every sample, and the same samples give the same text. Many samples are sent as `application/x-ndjson`, one in each line, up to 100,000 in 16 MiB; what else there is to say may be in the query.',
    body: samplesBody,
    query: samplesQuery,
    bodyExample: { samples: [{ id: 7, at: '2024-05-01T10:00:00Z' }, { id: 8 }], name: 'Order' },
    response: proposalView,
    errors: {
      400: ['sample-invalid', 'samples-missing'],
      413: ['samples-too-large'],
      422: ['samples-too-deep', 'samples-too-varied', 'samples-no-message'],
    },
    bodyLimit: 8 * 1024 * 1024,
  })
  async infer(
    @Body() body: unknown,
    @Query(new ZodPipe(samplesQuery)) query: SamplesQuery,
    @Req() request: FastifyRequest,
  ): Promise<ProposalView> {
    if (body instanceof Readable) {
      const { schemaType, ...options } = optionsPipe.transform(query, { type: 'query' });
      const account = accountOf(request);
      const samples = await SampleLines.read(body, (bytes) => account.hold(bytes));
      return proposalViewOf(await this.proposals.propose(samples, schemaType, options));
    }
    const { samples, schemaType, ...options } = bodyPipe.transform(withOptions(body, query));
    return proposalViewOf(await this.proposals.propose(nodesOf(samples), schemaType, options));
  }
}

function withOptions(body: unknown, query: SamplesQuery): unknown {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...query, ...body } : body;
}

/** Trees are made one by one, each time anew: all of them together would be many times the samples. */
function nodesOf(samples: readonly JsonValue[]): Samples {
  return {
    *[Symbol.iterator]() {
      for (const sample of samples) yield jsonNode(sample);
    },
  };
}
