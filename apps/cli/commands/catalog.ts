import { argument, text, type Handler } from '../command.js';
import { usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { listed } from '../outcome.js';
import type { Topic } from './topics.js';

/** Something that a search has found. */
interface Found {
  readonly kind: 'topic' | 'subject' | 'field' | 'view';
  /** Its name; of a field that of the subject that has it. */
  readonly name: string;
  /** What of it fits: a name, a field, a column, an owner. */
  readonly by: string;
  readonly owner: string | null;
}

interface Schema {
  readonly subject: string;
  readonly metadata: { readonly properties?: Readonly<Record<string, unknown>> } | null;
}

/** `weir catalog search`: what of the service has a text in its name, and which schemas have a field, a tag or an owner. */
export const search: Handler = async (invocation) => {
  const wanted = argument(invocation, 0);
  const [field, tag, owner] = ['field', 'tag', 'owner'].map((name) => text(invocation, name));
  const filters = Object.entries({ field, tag, owner }).filter(([, value]) => value !== undefined);
  if (wanted === '' && filters.length === 0)
    throw usage('search-missing', 'Say what is looked for: a text, --field, --tag or --owner.');
  const client = await (await invocation.settings()).client();
  const found = filters.length > 0 ? await schemasWith(client, wanted, filters) : await named(client, wanted);
  return listed(
    'CatalogFinds',
    found,
    [
      { title: 'kind', of: ({ kind }) => kind },
      { title: 'name', of: ({ name }) => name },
      { title: 'found by', of: ({ by }) => by },
      { title: 'owner', of: (one) => one.owner },
    ],
    ({ name }) => name,
    'Nothing here is like that.',
  );
};

/** The subjects whose latest schemas have all that is asked for. Topics and views have no tags and no owners. */
async function schemasWith(
  client: Client,
  wanted: string,
  filters: readonly (readonly [string, string | undefined])[],
): Promise<readonly Found[]> {
  const found: Found[] = [];
  const by = filters.map(([name, value]) => `${name} ${value}`).join(', ');
  for await (const one of client.pages<Schema>('/v1/schemas', { ...Object.fromEntries(filters), text: false }))
    if (has(one.subject, wanted)) found.push({ kind: 'subject', name: one.subject, by, owner: ownerOf(one) });
  return found;
}

/** Topics, subjects, fields and views that have a text in their names, or are somebody's who has it in theirs. */
async function named(client: Client, wanted: string): Promise<readonly Found[]> {
  const found: Found[] = [];
  for await (const { name } of client.pages<Topic>('/v1/topics', { q: wanted }))
    found.push({ kind: 'topic', name, by: 'name', owner: null });
  for await (const one of client.pages<Schema>('/v1/schemas', { text: false })) {
    const owner = ownerOf(one);
    if (has(one.subject, wanted)) found.push({ kind: 'subject', name: one.subject, by: 'name', owner });
    else if (owner !== null && has(owner, wanted))
      found.push({ kind: 'subject', name: one.subject, by: `owner ${owner}`, owner });
  }
  // Of fields the registry knows whole names and the ends of paths.
  for await (const one of client.pages<Schema>('/v1/schemas', { field: wanted, text: false }))
    found.push({ kind: 'field', name: one.subject, by: `field ${wanted}`, owner: ownerOf(one) });
  for await (const view of client.pages<{ name: string; columns: readonly { name: string }[] }>('/v1/views')) {
    const columns = view.columns.filter(({ name }) => has(name, wanted)).map(({ name }) => name);
    if (has(view.name, wanted)) found.push({ kind: 'view', name: view.name, by: 'name', owner: null });
    else if (columns.length > 0)
      found.push({ kind: 'view', name: view.name, by: `columns ${columns.join(', ')}`, owner: null });
  }
  return found;
}

const has = (name: string, wanted: string): boolean => name.toLowerCase().includes(wanted.toLowerCase());

/** The owner that the metadata of a schema names. */
function ownerOf({ metadata }: Schema): string | null {
  const owner = metadata?.properties?.['owner'];
  return typeof owner === 'string' ? owner : null;
}
