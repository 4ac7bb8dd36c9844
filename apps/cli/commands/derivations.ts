import { argument, text, texts, type Handler } from '../command.js';
import { usage } from '../failure.js';
import { planAndStart } from '../operations/planned.js';
import { described, listed, type Outcome } from '../outcome.js';
import { confirm } from '../settings/confirm.js';
import { ifDryRun } from './dry-run.js';
import { limitsOf, number } from './op.js';
import { requestFile } from './request-file.js';

interface Derivation {
  readonly name: string;
  readonly kind: string;
  readonly source: string;
  readonly state: string;
  readonly worker: string;
  readonly problem: string | null;
  readonly lag: { readonly records: number } | null;
  readonly keys: number | null;
  readonly schema: { readonly subject: string; readonly version: number; readonly schemaId: number } | null;
  readonly history: { readonly complete: boolean; readonly completeSince: string | null } | null;
}

const pathOf = (name: string): string => `/v1/derivations/${encodeURIComponent(name)}`;

export const list: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const items: Derivation[] = [];
  for await (const one of client.pages<Derivation>('/v1/derivations')) items.push(one);
  return listed(
    'DerivationList',
    items,
    [
      { title: 'name', of: ({ name }) => name },
      { title: 'kind', of: ({ kind }) => kind },
      { title: 'source', of: ({ source }) => source },
      { title: 'state', of: ({ state }) => state },
      { title: 'worker', of: ({ worker }) => worker },
      { title: 'lag', right: true, of: ({ lag }) => lag?.records },
      { title: 'keys', right: true, of: ({ keys }) => keys },
      { title: 'problem', wide: true, of: ({ problem }) => problem },
    ],
    ({ name }) => name,
    'There are no derivations. Make one: weir derive latest TOPIC --into NAME',
  );
};

export const describe: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  return shown(await client.get<Derivation>(pathOf(argument(invocation, 0))));
};

/** pause and resume. */
export function change(verb: 'pause' | 'resume'): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const path = pathOf(argument(invocation, 0));
    return shown(await client.post<Derivation>(`${path}/${verb}`, undefined, ifDryRun(invocation.flags)));
  };
}

export const remove: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  if (!invocation.flags.dryRun)
    await confirm(invocation, `Delete the derivation '${name}' with its topic at ${client.address}.`);
  await client.json('DELETE', pathOf(name), { query: ifDryRun(invocation.flags) });
  return described('DeletedDerivation', { name, dryRun: invocation.flags.dryRun }, name);
};

/** `weir derive rebuild`: computed anew beside the present stream, compared with it, and given its name. */
export const rebuild: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const body = {
    derivation: argument(invocation, 0),
    ...(text(invocation, 'onDifference') === undefined ? {} : { onDifference: text(invocation, 'onDifference') }),
    cutover: { mode: invocation.options['cutover'] === false ? 'manual' : 'auto' },
  };
  return planAndStart(invocation, client, '/v1/rebuilds/plans', body, { throttle: limitsOf(invocation) });
};

/** `weir derive erase`: the stream without some keys, in everything that was made of them. */
export const erase: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const body = {
    derivation: argument(invocation, 0),
    keys: texts(invocation, 'key'),
    cutover: { mode: invocation.options['cutover'] === false ? 'manual' : 'auto' },
  };
  return planAndStart(invocation, client, '/v1/erasures/plans', body, { throttle: limitsOf(invocation) });
};

function shown(one: Derivation): Outcome {
  const { name, kind, source, state, worker, problem, lag, keys, schema, history } = one;
  return described('Derivation', one as unknown as Record<string, unknown>, name, {
    name,
    kind,
    source,
    schema: schema === null ? undefined : `version ${schema.version} of ${schema.subject} (id ${schema.schemaId})`,
    state,
    worker,
    problem,
    lag: lag?.records ?? null,
    keys,
    complete: history === null ? null : history.complete ? 'yes' : `since ${history.completeSince ?? 'not known yet'}`,
  });
}

/** `weir derive latest|versioned`: a stream computed from another, for as long as it is. */
export function derive(kind: 'latest' | 'versioned'): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const file = await requestFile(invocation);
    const orderBy = text(invocation, 'orderBy');
    const key = text(invocation, 'key');
    const version = text(invocation, 'schemaVersion');
    const body = {
      ...file,
      kind,
      source: argument(invocation, 0),
      name: text(invocation, 'into'),
      ...(orderBy === undefined ? {} : { orderBy: orderOf(orderBy) }),
      ...(key === undefined ? {} : { key: { expr: key } }),
      ...(version === undefined ? {} : { schemaVersion: number(version, '--schema-version') }),
      ...(invocation.options['backfill'] === undefined ? {} : { backfill: invocation.options['backfill'] }),
    };
    return planAndStart(invocation, client, '/v1/derivations/plans', body, { throttle: limitsOf(invocation) });
  };
}

function orderOf(asked: string): object {
  if (asked === 'offset' || asked === 'timestamp') return { by: asked };
  const [by, rest] = [asked.slice(0, asked.indexOf(':')), asked.slice(asked.indexOf(':') + 1)];
  if (by === 'field') return { by, path: rest };
  if (by === 'header') return { by, name: rest };
  throw usage('order-invalid', `'${asked}' is no order.`, 'Write offset, timestamp, field:PATH or header:NAME.');
}
