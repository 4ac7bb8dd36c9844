import { Injectable } from '@nestjs/common';
import { AppError } from '#libs/core/kernel';
import { parsePositionToken } from '#libs/core/log';
import {
  Views,
  type Answered,
  type ReadAtLeast,
  type ViewQuery,
  type ViewRows,
  type ViewStream,
} from '#libs/core/streams';

/** Longest wait of a read for the position it asks for. */
const MAX_WAIT_MS = 30_000;

/** Parameters of a query as they came. */
export type QueryParameters = Readonly<Record<string, string | string[] | undefined>>;

/** Rows for principals; who may read a view is decided before. */
@Injectable()
export class RowsService {
  constructor(private readonly views: Views) {}

  /** A page of rows; `at-least` and `wait` make the read wait for positions. */
  query(name: string, given: QueryParameters, signal: AbortSignal): Promise<Answered<ViewRows>> {
    const { parameters, atLeast } = readParameters(given);
    return this.views.query(name, parameters, atLeast, signal);
  }

  /** All rows. */
  stream(
    name: string,
    given: QueryParameters,
    signal: AbortSignal,
  ): Promise<Answered<ViewStream & { readonly query: ViewQuery }>> {
    const { parameters, atLeast } = readParameters(given);
    return this.views.stream(name, parameters, atLeast, signal);
  }

  /** One row by its key. */
  row(name: string, key: string, given: QueryParameters, signal: AbortSignal): Promise<Answered<ViewRows>> {
    const { parameters, atLeast } = readParameters(given);
    const select = parameters.get('select')?.[0];
    const unknown = [...parameters.keys()].filter((parameter) => parameter !== 'select');
    if (unknown.length > 0)
      throw invalidQuery(
        unknown.map((path) => ({ path, message: 'is not known; a row takes select, at-least and wait' })),
      );
    return this.views.row(name, key, select, atLeast, signal);
  }
}

function readParameters(given: QueryParameters): {
  parameters: ReadonlyMap<string, readonly string[]>;
  atLeast: ReadAtLeast | undefined;
} {
  const parameters = new Map<string, readonly string[]>();
  for (const [parameter, value] of Object.entries(given))
    if (value !== undefined) parameters.set(parameter, [value].flat());
  const tokens = parameters.get('at-least')?.map(parsePositionToken);
  const waitMs = waitOf(parameters.get('wait')?.[0]);
  parameters.delete('at-least');
  parameters.delete('wait');
  return { parameters, atLeast: tokens && { tokens, waitMs } };
}

/** `500`, `500ms` or `5s`. */
function waitOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const [, digits, unit] = /^([0-9]{1,6})(ms|s)?$/.exec(text) ?? [];
  const wait = digits === undefined ? -1 : Number(digits) * (unit === 's' ? 1_000 : 1);
  if (wait >= 0 && wait <= MAX_WAIT_MS) return wait;
  throw invalidQuery([
    { path: 'wait', message: `must be a time from 0 to ${MAX_WAIT_MS} ms, such as 500 (milliseconds) or 5s` },
  ]);
}

function invalidQuery(items: readonly { readonly path: string; readonly message: string }[]): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-query',
    message: `The query has ${items.length} problem${items.length === 1 ? '' : 's'}.`,
    items,
  });
}
