import { GenerationHandler, type GenerationOptions } from '../generations/handler.js';
import type { GenerationKind } from '../generations/kind.js';
import type { RecordDecoder } from '../record-decoder.js';
import { parseRepartitionRequest, type RepartitionParameters, type RepartitionRequest } from './parameters.js';
import { draftPlan, routerOf } from './plan.js';
import { KeyRouter } from './routers.js';

export interface RepartitionOptions extends GenerationOptions {
  readonly decoder: RecordDecoder;
}

/** Repartitioning of a live topic: the new generation has another partition count, another key or another partitioner. */
export class RepartitionHandler extends GenerationHandler {
  constructor(options: RepartitionOptions) {
    super(repartitionKind(options.decoder), options);
  }
}

function repartitionKind(decoder: RecordDecoder): GenerationKind<RepartitionRequest, RepartitionParameters> {
  return {
    name: 'repartition',
    parse: parseRepartitionRequest,
    draft: (context, request) => draftPlan(context, decoder, request),
    there: (parameters) => routerOf(parameters, decoder),
    // The key did not change, so it alone says where a record was.
    back: ({ source, target, sourcePartitioner }) =>
      new KeyRouter({
        sources: target.partitions,
        targets: source.partitions,
        partitioner: sourcePartitioner,
        nullKeys: 'spread',
      }),
  };
}
