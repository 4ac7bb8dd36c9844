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
  const schema = await view.schema(context, id);
  if (schema === undefined) throw stateMoved(`The id of schema ${content.guid}`);
  return sameContent(schema, content) ? { id, collides: false } : { id: undefined, collides: true };
}
