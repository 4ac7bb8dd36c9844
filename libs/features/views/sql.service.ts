import { Injectable } from '@nestjs/common';
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
    for (const name of await this.views.namesIn(target))
      this.authorizer.demand(principal, 'read', { kind: 'view', name });
    return this.views.sql(target, { statement: sql, limit, timeoutMs }, signal);
  }
}
