import { Injectable } from '@nestjs/common';
import { AppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import { parsePositionToken } from '#libs/core/log';
import { sourcesOf, Views, type ViewRows, type ViewStatus } from '#libs/core/streams';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { pageOf, type Page, type PageRequest } from '#libs/platform/http';

/** Longest wait of a read for the position it asks for. */
const MAX_WAIT_MS = 30_000;

/** Views for principals: a view is read by who may read it; declaring one needs the right to read its topics too. */
@Injectable()
export class ViewsService {
  constructor(
    private readonly views: Views,
    private readonly authorizer: Authorizer,
  ) {}

  /** @throws `invalid-view`, `view-exists`, `topic-not-found`. */
  async declare(name: string, body: unknown, principal: Principal): Promise<ViewStatus> {
    if (!isJsonObject(body)) throw notAnObject();
    const { cluster, ...declaration } = body;
    if (cluster !== undefined && typeof cluster !== 'string') throw notAnObject();
    for (const topic of topicsIn(declaration))
      this.authorizer.demand(principal, 'read', { kind: 'topic', name: topic });
    return this.views.declare(name, cluster, declaration);
  }

  async list(request: PageRequest, principal: Principal): Promise<Page<ViewStatus>> {
    const all = await this.views.list();
    const visible = all.filter((view) =>
      this.authorizer.allows(principal, 'read', { kind: 'view', name: view.stored.name }),
    );
    return pageOf(visible, request, (view) => view.stored.name);
  }

  describe(name: string): Promise<ViewStatus> {
    return this.views.describe(name);
  }

  setState(name: string, state: 'RUNNING' | 'PAUSED'): Promise<ViewStatus> {
    return this.views.setState(name, state);
  }

  delete(name: string): Promise<void> {
    return this.views.delete(name);
  }

  /** Rows, filtered and sorted by the query's parameters; `at-least` and `wait` make the read wait for a position. */
  query(
    name: string,
    given: Readonly<Record<string, string | string[] | undefined>>,
    signal?: AbortSignal,
  ): Promise<{ status: ViewStatus; rows: ViewRows }> {
    const parameters = new Map<string, string[]>();
    for (const [parameter, value] of Object.entries(given))
      if (value !== undefined) parameters.set(parameter, [value].flat());
    const token = parameters.get('at-least')?.[0];
    const waitMs = waitOf(parameters.get('wait')?.[0]);
    parameters.delete('at-least');
    parameters.delete('wait');
    const atLeast = token === undefined ? undefined : { token: parsePositionToken(token), waitMs };
    return this.views.query(name, parameters, atLeast, signal);
  }

  async refused(
    name: string,
    limit: number,
  ): Promise<{ topic: string; partition: number; offset: number; code: string; message: string }[]> {
    const { definition } = await this.views.describe(name);
    const topics = sourcesOf(definition);
    return (await this.views.refused(name, limit)).map(({ source, ...record }) => ({
      topic: topics[source]!,
      ...record,
    }));
  }
}

/** Topics a declaration names, however broken the rest of it is. */
function topicsIn(declaration: JsonObject): string[] {
  const sources = [declaration['source'], ...(Array.isArray(declaration['joins']) ? declaration['joins'] : [])];
  return sources.flatMap((source) =>
    isJsonObject(source) && typeof source['topic'] === 'string' ? [source['topic']] : [],
  );
}

function waitOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const wait = /^[0-9]{1,6}$/.test(text) ? Number(text) : -1;
  if (wait >= 0 && wait <= MAX_WAIT_MS) return wait;
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-query',
    message: `wait must be a number of milliseconds from 0 to ${MAX_WAIT_MS}.`,
    items: [{ path: 'wait', message: `must be from 0 to ${MAX_WAIT_MS}` }],
  });
}

function notAnObject(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: 'The body must be an object with source, columns and, where needed, key, joins and cluster.',
  });
}
