import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ViewStatus } from '#libs/core/streams';
import { Access } from '#libs/platform/auth';
import { ApiJson, PacedAnswer, RequestSignal, signalOf } from '#libs/platform/http';
import { CSV_TYPE, csvLine, formatOf, LINES_TYPE, type RowsFormat } from './rows-formats.js';
import { RowsService, type QueryParameters } from './rows.service.js';
import { rowsView, rowView, type RowsView } from './view-schemas.js';
import { positionText } from './view-view.js';

/** Rows of views: pages, all of them, one by its key. */
@Controller('v1/views/:view/rows')
export class RowsController {
  constructor(private readonly rows: RowsService) {}

  @Get()
  @Access('read', 'view', 'view')
  @ApiJson({
    id: 'queryView',
    summary: 'Rows of a view',
    description:
      'Filters are parameters named as columns: `column=op.value` with op eq, neq, gt, gte, lt, lte, like, ilike, in or is, and `not.` before it to negate; `and=(…)` and `or=(…)` group them, one inside the other. `order=a.desc.nullsfirst,b`, `select=a,b`, `limit`, `cursor`, `count=exact`. `at-least` takes the token of a produce and `wait` the time to wait for it. `Accept: text/csv` or `application/x-ndjson` gives all rows as of one position instead of a page; an answer that does not end properly broke off.',
    tag: 'views',
    response: rowsView,
    errors: {
      400: [
        'invalid-query',
        'invalid-cursor',
        'cursor-of-another-query',
        'invalid-position-token',
        'token-not-of-view',
      ],
      404: ['view-not-found'],
      406: ['not-acceptable'],
      429: ['view-streams-busy'],
      504: ['view-behind'],
    },
  })
  async query(
    @Param('view') view: string,
    @Query() query: QueryParameters,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const format = formatOf(request.headers.accept);
    reply.header('vary', 'accept');
    if (format !== 'json') return await this.#stream(view, query, format, request, reply);
    const { status, answer } = await this.rows.query(view, query, signalOf(request));
    sayPosition(reply, status, answer.positions);
    const body: RowsView = {
      rows: answer.rows as RowsView['rows'],
      next: answer.next,
      ...(answer.count === undefined ? {} : { count: answer.count }),
      position: positionText(status.stored.version, answer.positions),
    };
    await reply.send(body);
  }

  @Get(':key')
  @Access('read', 'view', 'view')
  @ApiJson({
    id: 'getViewRow',
    summary: 'The row with a key',
    description:
      'The key is the values of the key columns, separated by commas and in double quotes where they hold commas; of a view without key columns it is the key of the record. `select`, `at-least` and `wait` as for rows.',
    tag: 'views',
    query: z.object({ select: z.string().optional(), 'at-least': z.string().optional(), wait: z.string().optional() }),
    response: rowView,
    errors: {
      400: ['invalid-query', 'invalid-row-key', 'invalid-filter-value', 'invalid-position-token', 'token-not-of-view'],
      404: ['view-not-found', 'row-not-found'],
      409: ['row-key-not-unique'],
      504: ['view-behind'],
    },
  })
  async row(
    @Param('view') view: string,
    @Param('key') key: string,
    @Query() query: QueryParameters,
    @RequestSignal() signal: AbortSignal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { status, answer } = await this.rows.row(view, key, query, signal);
    sayPosition(reply, status, answer.positions);
    await reply.send(answer.rows[0]);
  }

  /** Rows as lines or as CSV. What is wrong with the request is answered before the first byte; later, only breaking off is left. */
  async #stream(
    view: string,
    query: QueryParameters,
    format: Exclude<RowsFormat, 'json'>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const { status, answer: rows } = await this.rows.stream(view, query, signalOf(request));
    try {
      sayPosition(reply, status, rows.positions);
      const answer = new PacedAnswer(request, reply, { 'content-type': format === 'csv' ? CSV_TYPE : LINES_TYPE });
      try {
        const columns = rows.query.select;
        if (format === 'csv') await answer.write(csvLine(columns));
        for await (const chunk of request.method === 'HEAD' ? [] : rows.chunks) {
          const lines = chunk.map((row) =>
            format === 'csv'
              ? csvLine(row)
              : `${JSON.stringify(Object.fromEntries(columns.map((column, index) => [column, row[index]!])))}\n`,
          );
          await answer.write(lines.join(''));
        }
        answer.raw.end();
      } catch (error) {
        answer.raw.destroy();
        throw error;
      }
    } finally {
      await rows.close();
    }
  }
}

/** What rows reflect and how old that is, for caches and monitors. */
function sayPosition(reply: FastifyReply, status: ViewStatus, positions: { readonly commit: number }): void {
  const { version } = status.stored;
  reply.header('view-version', String(version));
  reply.header('view-position', `${version}.${positions.commit}`);
  if (status.staleMs !== null) reply.header('view-lag-ms', String(status.lag === 0 ? 0 : Math.round(status.staleMs)));
}
