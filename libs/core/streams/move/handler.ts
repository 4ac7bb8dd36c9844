import type { Clock } from '#libs/core/kernel';
import type { TopicDirectories, TopicNames } from '#libs/core/log';
import { StraightRouter } from '../copy/straight-router.js';
import { GenerationHandler, type GenerationOptions } from '../generations/handler.js';
import type { GenerationKind } from '../generations/kind.js';
import { targetTopicOf } from '../generations/parameters.js';
import { type MoveParameters, type MoveRequest, parseMoveRequest } from './parameters.js';
import { draftPlan, targetFacts } from './plan.js';

/**
 * Moves a live topic to another cluster of the service, or to another name in its own: every partition is copied into the one of the same number, so that bytes, order and batches stay as they are and every position of a group
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
    draft: (context, request) => {
      const targetLog = clusters.get(request.to ?? context.cluster);
      return draftPlan({ ...context, directory: directories.of(context.cluster), targetLog, clock }, request);
    },
    fingerprint: (parameters) => targetFacts(clusters.get(parameters.targetCluster), names, targetTopicOf(parameters)),
    keepsBytes: () => true,
    there: ({ target }) => new StraightRouter(target.partitions),
    back: ({ source }) => new StraightRouter(source.partitions),
  };
}
