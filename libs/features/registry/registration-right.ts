import { Injectable } from '@nestjs/common';
import { Registry, registrationForbidden, subjectText, type SubjectName } from '#libs/core/registry';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { SubjectAccess } from './subject-access.js';

/**
 * Who may register new schemas under a subject. Where the policy is `open`, whoever may write there; where it is `registrars-only`, whoever may also alter it, which
 * roles that only write do not.
 */
@Injectable()
export class RegistrationRight {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
  ) {}

  async holds(principal: Principal, subject: SubjectName): Promise<boolean> {
    const access = new SubjectAccess(this.authorizer, principal);
    if (!access.allows('write', subject)) return false;
    // Asked first, since it spares the look at the policy.
    if (access.allows('alter', subject)) return true;
    return (await this.registry.settings.registration(subject)).policy === 'open';
  }

  /** @throws `forbidden`, or `registration-forbidden` where only the policy forbids it. */
  async demand(principal: Principal, subject: SubjectName): Promise<void> {
    new SubjectAccess(this.authorizer, principal).demand('write', subject);
    if (!(await this.holds(principal, subject))) throw registrationForbidden(subjectText(subject));
  }
}
