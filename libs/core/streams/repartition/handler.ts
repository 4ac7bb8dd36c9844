import { GenerationHandler, type GenerationOptions } from '../generations/handler.js';
import type { GenerationKind } from '../generations/kind.js';
import type { RecordDecoder } from '../record-decoder.js';
import { parseRepartitionRequest, type RepartitionParameters, type RepartitionRequest } from './parameters.js';
import { draftPlan } from './plan.js';
import { routerBack, routerOf, verifierOf } from './copies.js';

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
    keepsBytes: ({ key, nullKeys }) => (key ?? null) === null && nullKeys !== 'drop' && nullKeys !== 'dlq',
    there: (parameters, _notes, place) => routerOf(parameters, decoder, place),
    back: (parameters, place) => routerBack(parameters, decoder, place),
    verifier: (parameters, place, way, inner, positions) =>
      verifierOf(parameters, decoder, place, way, inner, positions),
  };
}
