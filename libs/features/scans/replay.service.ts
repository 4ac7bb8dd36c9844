import { Injectable } from '@nestjs/common';
import { OperationEngine, operationNotFound, type Plan } from '#libs/core/operations';
import { parseSubject, referenceNotFound, subjectText } from '#libs/core/registry';
import { SchemaReplays } from '#libs/core/scans';
import { Authorizer, type Principal } from '#libs/platform/auth';
import type { ReplayPlanBody, ReplayView } from './replay-shapes.js';
import { replayViewOf } from './replay-view.js';

/** Replays for principals: whoever may read a topic may plan one and see what it found; whoever may operate the topic may start it. */
@Injectable()
export class ReplayService {
  constructor(
    private readonly replays: SchemaReplays,
    private readonly engine: OperationEngine,
    private readonly authorizer: Authorizer,
  ) {}

  /** @throws what `ReplayHandler.plan` throws. */
  plan({ from, to, ...body }: ReplayPlanBody, principal: Principal): Promise<Plan> {
    this.#requireReadable(principal, body.references);
    const request = {
      ...body,
      ...(from === undefined ? {} : { from: boundOf(from) }),
      ...(to === undefined ? {} : { to: boundOf(to) }),
    };
    return this.engine.plan('schema-replay', request, principal.id);
  }

  /** @throws `scan-not-found`, `scan-expired`; `operation-not-found`, also for a topic that the principal may not read. */
  async result(id: string, principal: Principal): Promise<ReplayView> {
    const admit = (name: string): void => {
      if (!this.authorizer.allows(principal, 'read', { kind: 'topic', name })) throw operationNotFound(id);
    };
    return replayViewOf(id, await this.replays.result(id, admit));
  }

  /** A candidate tells something of what it refers to, so only what may be read can be referred to. */
  #requireReadable(principal: Principal, references: ReplayPlanBody['references']): void {
    for (const { name, subject, version } of references) {
      const object = { kind: 'subject', name: subjectText(parseSubject(subject)) } as const;
      if (!this.authorizer.allows(principal, 'read', object)) throw referenceNotFound(name, subject, version);
    }
  }
}

function boundOf(bound: NonNullable<ReplayPlanBody['from']>): { offset: number } | { timestampMs: number } {
  return 'offset' in bound ? bound : { timestampMs: Date.parse(bound.timestamp) };
}
