import { Injectable } from '@nestjs/common';
import { TopicDirectories, TopicLifecycle, TopicSets, type DeclaredTopic, type TopicOutcome } from '#libs/core/log';
import { Authorizer, type Principal } from '#libs/platform/auth';
import type { TopicsAppliedView, TopicsApplyBody, TopicsPlanBody, TopicsPlanView } from './topic-sets.shapes.js';

/** Topics as a project declares them: whoever may read them may plan, whoever may alter those that change may apply. */
@Injectable()
export class TopicSetsService {
  private readonly sets: TopicSets;

  constructor(
    directories: TopicDirectories,
    lifecycle: TopicLifecycle,
    private readonly authorizer: Authorizer,
  ) {
    this.sets = new TopicSets(directories, lifecycle);
  }

  async plan(principal: Principal, { topics }: TopicsPlanBody): Promise<TopicsPlanView> {
    this.demandReadable(principal, topics);
    const plan = await this.sets.plan(topics);
    return {
      verdict: plan.blockers.length === 0 ? 'ok' : 'blocked',
      blockers: [...plan.blockers],
      restsOn: [...plan.restsOn],
      topics: plan.topics.map(viewOf),
    };
  }

  async apply(principal: Principal, { topics, restsOn }: TopicsApplyBody, dryRun: boolean): Promise<TopicsAppliedView> {
    this.demandReadable(principal, topics);
    const done = await this.sets.apply(topics, restsOn, {
      dryRun,
      permit: (outcomes) => {
        for (const { topic, outcome } of outcomes)
          if (outcome !== 'unchanged') this.authorizer.demand(principal, 'alter', { kind: 'topic', name: topic });
      },
    });
    return {
      complete: done.every(({ outcome }) => outcome !== 'failed' && outcome !== 'not-tried'),
      topics: done.map(viewOf),
    };
  }

  private demandReadable(principal: Principal, topics: readonly DeclaredTopic[]): void {
    for (const { name } of topics) this.authorizer.demand(principal, 'read', { kind: 'topic', name });
  }
}

function viewOf({ settings, ...outcome }: TopicOutcome): TopicsPlanView['topics'][number] {
  return { ...outcome, settings: [...settings] };
}
