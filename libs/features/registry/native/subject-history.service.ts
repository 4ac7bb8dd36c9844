import { Injectable } from '@nestjs/common';
import { parseSubject, Registry, subjectText, type SubjectName } from '#libs/core/registry';
import { Authorizer, type Action, type Principal } from '#libs/platform/auth';
import { RegistrationRight } from '../registration-right.js';
import { SubjectAccess } from '../subject-access.js';
import type { RestoreBody, RestoredView, RollbackBody, RolledBackView } from './subject-history.shapes.js';

/** Going back: undoing deletions, and making an earlier version the latest again. */
@Injectable()
export class SubjectHistoryService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
    private readonly right: RegistrationRight,
  ) {}

  async restore(principal: Principal, name: string, body: RestoreBody, dryRun: boolean): Promise<RestoredView> {
    const subject = await this.reach(principal, 'delete', name);
    const restored = await this.registry.history.restore(subject, body.versions, dryRun);
    return { subject: subjectText(subject), restored: [...restored], dryRun };
  }

  async rollBack(principal: Principal, name: string, body: RollbackBody, dryRun: boolean): Promise<RolledBackView> {
    const subject = await this.reach(principal, 'read', name);
    if (!dryRun) await this.right.demand(principal, subject);
    if (!dryRun && body.force) new SubjectAccess(this.authorizer, principal).demand('govern', subject);
    const options = { force: body.force, preview: dryRun };
    const done = await this.registry.history.rollBack(subject, body.version, options);
    return {
      ...done,
      subject: subjectText(subject),
      findings: [...done.findings],
      violations: [...done.violations],
      dryRun,
    };
  }

  /** The subject that is meant. The guard has judged the one in the path; the target of an alias is judged here. */
  private async reach(principal: Principal, action: Action, name: string): Promise<SubjectName> {
    const target = await this.registry.target(parseSubject(name));
    if (subjectText(target) !== name) new SubjectAccess(this.authorizer, principal).demand(action, target);
    return target;
  }
}
