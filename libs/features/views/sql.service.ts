import { Injectable } from '@nestjs/common';
import { AppError } from '#libs/core/kernel';
import { DEFAULT_TARGET, Views, type SqlAnswer } from '#libs/core/streams';
import { Authorizer, type Principal } from '#libs/platform/auth';

export interface SqlQuestion {
  readonly sql: string;
  readonly target?: string | undefined;
  readonly limit: number;
  readonly timeoutMs: number;
}

/** Statements for principals. What a statement reads is known to the database alone, so that it takes the right to read all there is. */
@Injectable()
export class SqlService {
  constructor(
    private readonly views: Views,
    private readonly authorizer: Authorizer,
  ) {}

  async ask(question: SqlQuestion, principal: Principal, signal: AbortSignal): Promise<SqlAnswer> {
    const { sql, target = DEFAULT_TARGET, limit, timeoutMs } = question;
    const names = await this.views.namesIn(target);
    if (!names.every((name) => this.authorizer.allows(principal, 'read', { kind: 'view', name })))
      throw notOfAll(principal, target);
    return this.views.sql(target, { statement: sql, limit, timeoutMs }, signal);
  }
}

/** Names none of the views: whoever may not read one is not to learn from this that it is there. */
function notOfAll({ id }: Principal, target: string): AppError {
  return new AppError({
    kind: 'forbidden',
    code: 'forbidden',
    message: `'${id}' may not read every view of '${target}', and what a statement reads only the database knows.`,
    hint: 'Ask for rows of one view (GET /v1/views/{view}/rows), or with a token whose scope has all of them.',
    details: { action: 'read', kind: 'view', target },
  });
}
