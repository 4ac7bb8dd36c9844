import { AppError } from '#libs/core/kernel';
import { parseSubject, subjectNotFound, subjectText, type SentReference, type SubjectName } from '#libs/core/registry';
import type { Action, Authorizer, Principal } from '#libs/platform/auth';
import { turn } from '#libs/platform/http';

/** Subjects judged before others have their turn: a millisecond, with a long scope. */
const JUDGED_AT_ONCE = 1_000;

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

  /**
   * A schema shows what it refers to, so only what may be read can be referred to.
   * @param context that of the schema with the references; the default one when undefined. @throws `reference-not-found`
   */
  requireReadableReferences(
    context: string | undefined,
    references: readonly SentReference[] | null | undefined,
  ): void {
    for (const { name, subject, version } of references ?? []) {
      if (typeof subject !== 'string' || this.allows('read', parseSubject(subject, context))) continue;
      throw new AppError({
        kind: 'unprocessable',
        code: 'reference-not-found',
        message: `No schema reference found for subject "${subject}" and version ${String(version)}`,
        details: { name, subject, version },
      });
    }
  }

  /** The uses that may be seen; none of them: the schema looks unknown. */
  visible<T extends { readonly subject: SubjectName }>(uses: readonly T[]): readonly T[] {
    return uses.filter((use) => this.allows('read', use.subject));
  }

  /** As {@link visible} of what may be very many: others go on between. */
  async visibleOfMany<T extends { readonly subject: SubjectName }>(uses: readonly T[]): Promise<readonly T[]> {
    const seen: T[] = [];
    for (const [i, use] of uses.entries()) {
      if (i > 0 && i % JUDGED_AT_ONCE === 0) await turn();
      if (this.allows('read', use.subject)) seen.push(use);
    }
    return seen;
  }

  /** Whether one of the uses may be seen. */
  async seesOne(uses: readonly { readonly subject: SubjectName }[]): Promise<boolean> {
    for (const [i, { subject }] of uses.entries()) {
      if (i > 0 && i % JUDGED_AT_ONCE === 0) await turn();
      if (this.allows('read', subject)) return true;
    }
    return false;
  }
}
