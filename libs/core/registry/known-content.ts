import { stateMoved } from './errors.js';
import { sameContent, type SchemaRecord } from './model.js';
import type { RegistryView } from './registry-view.js';
import type { RegistryStore } from './store.js';

/** The id under which the context knows the content, unless that id stands for other content of the same GUID. */
export async function knownAs(
  store: RegistryStore,
  view: RegistryView,
  context: string,
  content: SchemaRecord,
): Promise<{ readonly id: number | undefined; readonly collides: boolean }> {
  const id = await store.idOfContent(context, content);
  if (id === undefined) return { id, collides: false };
  const entry = await view.entry(context, id);
  if (entry === undefined) throw stateMoved(`The id of schema ${content.guid}`);
  return sameContent(entry.schema, content) ? { id, collides: false } : { id: undefined, collides: true };
}
