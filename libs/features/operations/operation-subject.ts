import { subjectsOf } from '#libs/core/operations';
import type { AccessObject, ObjectKind } from '#libs/platform/auth';

const KINDS: ReadonlyMap<string, ObjectKind> = new Map([
  ['topic', 'topic'],
  // A candidate tried on a topic's records: `replay:local:<digest>/orders`.
  ['replay', 'topic'],
  // A migration tried on all of them: `rehearsal:local:<plan>/orders`.
  ['rehearsal', 'topic'],
  ['view', 'view'],
  ['subject', 'subject'],
  // A schema held against the versions of a subject: `check:<digest>/orders-value`.
  ['check', 'subject'],
  ['group', 'group'],
  ['cluster', 'cluster'],
]);

/** Everything that an operation changes, or one of a plan would: who may see or operate it may so with each of these. */
export function accessObjectsOf(one: {
  readonly subject: string;
  readonly alsoOn?: readonly string[];
}): readonly AccessObject[] {
  return subjectsOf(one).map(accessObjectOf);
}

/**
 * The object of the authorizer behind an operation's subject: `topic:local/orders` is topic `orders`, `view:flights` is view `flights`. Who may see or
 * operate an operation is decided by what it changes, not by its id. A subject of another form is the service as a whole.
 */
export function accessObjectOf(subject: string): AccessObject {
  const colon = subject.indexOf(':');
  // The import of a registry changes any subject there is.
  if (subject === 'registry:import') return { kind: 'subject', name: null };
  const prefix = subject.slice(0, colon);
  const kind = KINDS.get(prefix);
  if (kind === undefined) return { kind: 'service', name: null };
  const rest = subject.slice(colon + 1);
  // Names of topics, groups and views hold no slash: what stands before the first one is the cluster, and of a check its digest.
  const slash = prefix === 'subject' ? -1 : rest.indexOf('/');
  return { kind, name: rest.slice(slash + 1) };
}
