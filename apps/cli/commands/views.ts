import { argument, text, texts, type Handler } from '../command.js';
import { usage } from '../failure.js';
import { described, listed } from '../outcome.js';
import { confirm } from '../settings/confirm.js';
import { ifDryRun } from './dry-run.js';
import { requestFile } from './request-file.js';

/** What is shown of a view. */
export interface View {
  readonly name: string;
  readonly version: number;
  readonly state: string;
  readonly worker: string;
  readonly problem: string | null;
  readonly lag: number | null;
  readonly revision: number;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** Where the service has a view. */
export const viewPath = (view: string): string => `/v1/views/${encodeURIComponent(view)}`;

export const list: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const items: View[] = [];
  for await (const one of client.pages<View>('/v1/views')) items.push(one);
  return listed(
    'ViewList',
    items,
    [
      { title: 'name', of: ({ name }) => name },
      { title: 'version', right: true, of: ({ version }) => version },
      { title: 'state', of: ({ state }) => state },
      { title: 'worker', of: ({ worker }) => worker },
      { title: 'lag', right: true, of: ({ lag }) => lag },
      { title: 'problem', wide: true, of: ({ problem }) => problem },
    ],
    ({ name }) => name,
    'There are no views. Declare one: weir view create NAME -f FILE',
  );
};

export const describe: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const view = await client.get<View>(viewPath(argument(invocation, 0)));
  const { name, version, state, worker, problem, lag, columns } = view;
  return described('View', view as unknown as Record<string, unknown>, name, {
    name,
    version,
    state,
    worker,
    problem,
    lag,
    columns: columns.map((column) => `${column.name} ${column.type}`),
    'changes in place': view.revision,
  });
};

export const create: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const body = await requestFile(invocation);
  if (body === undefined) throw usage('file-missing', 'Say what the view is: -f FILE, as docs/views.md has it.');
  const { dryRun } = invocation.flags;
  const view = await client.json<Declared>('PUT', `${viewPath(name)}${dryRun ? '?dryRun=true' : ''}`, { body });
  const changes = {
    columns: [{ title: 'what' }, { title: 'change' }, { title: 'in place' }, { title: 'reason' }],
    rows: view.changes.map(({ what, change, inPlace, reason }) => [what, change, inPlace ? 'yes' : 'no', reason]),
  };
  return {
    kind: 'View',
    data: view,
    names: [name],
    text: OUTCOMES[view.outcome](dryRun ? `${name} would be` : `${name}@${view.version} is`),
    ...(changes.rows.length === 0 ? {} : { table: changes }),
  };
};

/** The answer to a declaration. */
interface Declared extends View {
  readonly outcome: 'created' | 'unchanged' | 'in-place' | 'new-version';
  readonly changes: readonly {
    readonly what: string;
    readonly change: string;
    readonly inPlace: boolean;
    readonly reason: string;
  }[];
}

/** What became of a view, said of it. */
const OUTCOMES: Readonly<Record<Declared['outcome'], (view: string) => string>> = {
  created: (view) => `${view} built`,
  unchanged: (view) => `${view} left as it was`,
  'in-place': (view) => `${view} changed in place`,
  'new-version': (view) => `${view} built as another version, beside the one that is asked`,
};

/** `weir view query`: filters as the HTTP API has them, `column=op.value`. */
export const query: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const parameters = new URLSearchParams();
  for (const filter of texts(invocation, 'where')) {
    const equals = filter.indexOf('=');
    if (equals < 1)
      throw usage('filter-invalid', `'${filter}' is no filter.`, 'Write COLUMN=OP.VALUE, as country=eq.NO.');
    parameters.append(filter.slice(0, equals), filter.slice(equals + 1));
  }
  for (const name of ['order', 'select', 'limit', 'cursor']) {
    const value = text(invocation, name);
    if (value !== undefined) parameters.set(name, value);
  }
  const answer = await client.get<{ rows: Record<string, unknown>[]; next: string | null; position: string }>(
    `${viewPath(argument(invocation, 0))}/rows?${parameters}`,
  );
  const titles = [...new Set(answer.rows.flatMap((row) => Object.keys(row)))];
  return {
    ...listed(
      'ViewRows',
      answer.rows,
      titles.map((title) => ({ title, of: (row: Record<string, unknown>) => row[title] })),
      (row) => JSON.stringify(row),
      'No row matches.',
    ),
    warnings: answer.next === null ? [] : [`There are more rows: --cursor ${answer.next}`],
  };
};

/** pause and resume. */
export function change(verb: 'pause' | 'resume'): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const name = argument(invocation, 0);
    const view = await client.post<View>(`${viewPath(name)}/${verb}`, undefined, ifDryRun(invocation.flags));
    return described('View', view as unknown as Record<string, unknown>, name, {
      name,
      state: view.state,
      worker: view.worker,
    });
  };
}

export const remove: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  if (!invocation.flags.dryRun) await confirm(invocation, `Delete the view '${name}' at ${client.address}.`);
  await client.json('DELETE', viewPath(name), { query: ifDryRun(invocation.flags) });
  return described('DeletedView', { name, dryRun: invocation.flags.dryRun }, name);
};
