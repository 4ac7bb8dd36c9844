import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { z } from 'zod';
import { SQL_LIMITS, type SqlAnswer } from '#libs/core/streams';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, RequestSignal, ZodPipe } from '#libs/platform/http';
import { SqlService } from './sql.service.js';

const MAX_TIMEOUT_MS = 30_000;

const sqlBody = z.strictObject({
  sql: z.string().min(1).max(SQL_LIMITS.characters).describe('One statement that begins with select, with or values.'),
  target: z.string().min(1).max(63).optional().describe('The database of the views; the default one unless given.'),
  limit: z.int().min(1).max(SQL_LIMITS.rows).default(1_000).describe('Most rows in the answer.'),
  timeoutMs: z.int().min(1).max(MAX_TIMEOUT_MS).default(5_000).describe('Longest the statement may take.'),
});
type SqlBody = z.infer<typeof sqlBody>;

const sqlView = z.object({
  columns: z.array(z.string()),
  rows: z.array(z.array(z.json())),
  truncated: z.boolean().describe('Whether there were more rows, or more bytes, than an answer may have.'),
});

/** SQL over views. A POST, because a statement is no name of anything, may be long, and is not to be in logs and caches as part of a URL. */
@Controller('v1')
export class SqlController {
  constructor(private readonly sql: SqlService) {}

  @Post('views::sql')
  @HttpCode(200)
  @Access('read', 'view')
  @ApiJson({
    id: 'askViewsBySql',
    summary: 'Ask views by SQL',
    description:
      'One statement that only reads, over all views of a target, which are tables of their names there. It is ended when it takes too long, wherever it is. Needs the right to read every view of the target.',
    tag: 'views',
    body: sqlBody,
    bodyExample: { sql: 'select country, count(*) as orders from orders group by country' },
    response: sqlView,
    errors: {
      400: ['sql-not-allowed', 'sql-refused'],
      403: ['forbidden'],
      409: ['sql-not-guarded'],
      422: ['view-target-not-found'],
      429: ['sql-busy'],
      504: ['sql-too-slow'],
    },
  })
  async ask(
    @Body(new ZodPipe(sqlBody)) body: SqlBody,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
  ): Promise<SqlAnswer> {
    return this.sql.ask(body, principal, signal);
  }
}
