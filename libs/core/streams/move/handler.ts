import type { Clock } from '#libs/core/kernel';
import type { TopicDirectories, TopicNames } from '#libs/core/log';
import { StraightRouter } from '../copy/straight-router.js';
import { GenerationHandler, type GenerationOptions } from '../generations/handler.js';
import type { GenerationKind } from '../generations/kind.js';
import { type MoveParameters, type MoveRequest, parseMoveRequest } from './parameters.js';
import { draftPlan, targetFacts } from './plan.js';

/**
 * Moves a live topic to another cluster of the service: every partition is copied into the one of the same number, so that bytes, order and batches stay as they are and every position of a group
 * has an exact translation.
 */
export class MoveHandler extends GenerationHandler {
  constructor(options: GenerationOptions) {
    super(moveKind(options), options);
  }
}

interface KindTools {
  readonly directories: TopicDirectories;
  readonly names: TopicNames;
  readonly clock: Clock;
}

function moveKind({ directories, names, clock }: KindTools): GenerationKind<MoveRequest, MoveParameters> {
  const { clusters } = directories;
  return {
    name: 'move',
    parse: parseMoveRequest,
    draft: (context, request) => draftPlan({ ...context, targetLog: clusters.get(request.to), clock }, request),
    fingerprint: ({ targetCluster, topic }) => targetFacts(clusters.get(targetCluster), names, topic),
    there: ({ target }) => new StraightRouter(target.partitions),
    back: ({ source }) => new StraightRouter(source.partitions),
  };
}
