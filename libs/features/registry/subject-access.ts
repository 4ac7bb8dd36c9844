import { subjectNotFound, subjectText, type SubjectName } from '#libs/core/registry';
import type { Action, Authorizer, Principal } from '#libs/platform/auth';

/**
 * What one caller may do with subjects. The guard has judged the subject in the path; this judges those a request reaches in other ways: aliases, references,
 * other contexts, ids and lists. What may not be read looks like what is not there.
 */
export class SubjectAccess {
  constructor(
    private readonly authorizer: Authorizer,
    private readonly principal: Principal,
  ) {}

  allows(action: Action, subject: SubjectName): boolean {
    return this.authorizer.allows(this.principal, action, { kind: 'subject', name: subjectText(subject) });
  }

  demand(action: Action, subject: SubjectName): void {
    this.authorizer.demand(this.principal, action, { kind: 'subject', name: subjectText(subject) });
  }

  /** @throws `subject-not-found` for a subject that may not be read. */
  demandVisible(subject: SubjectName): void {
    if (!this.allows('read', subject)) throw subjectNotFound(subjectText(subject));
  }

  /** The uses that may be seen; none of them: the schema looks unknown. */
  visible<T extends { readonly subject: SubjectName }>(uses: readonly T[]): readonly T[] {
    return uses.filter((use) => this.allows('read', use.subject));
  }
}
