import type { JsonValue } from '#libs/core/kernel';
import type { RequestForm } from '../request-form.js';
import type { GroupMode } from './parameters.js';

/** Which groups come along to a new generation, and what may happen to those whose positions have no exact translation. */
export interface GroupRequest {
  readonly mode: GroupMode;
  /** Names of the groups that come along; undefined: all that keep positions on the topic. */
  readonly only: readonly string[] | undefined;
}

/** Names in one request. */
const MOST_GROUPS = 1_000;

/** The member `groups` of a request; its problems go into the form. */
export function groupsOfRequest(form: RequestForm, json: JsonValue | undefined): GroupRequest {
  const groups = form.object(json, 'groups', ['mode', 'only']);
  const asked = groups['only'];
  const only = form.list(asked, 'groups.only', MOST_GROUPS).map((name, at) => {
    if (typeof name === 'string' && name !== '') return name;
    form.problem(`groups.only[${at}]`, 'must be the name of a group');
    return '';
  });
  return {
    mode: form.choice(groups['mode'], 'groups.mode', ['exact', 'drain', 'duplicates'], 'drain'),
    only: asked === undefined || asked === null ? undefined : [...new Set(only)],
  };
}

/** Whether a group comes along. @param carried as {@link GroupRequest.only}. */
export function comesAlong(carried: readonly string[] | null | undefined, group: string): boolean {
  return carried === undefined || carried === null || carried.includes(group);
}

/** Groups that were named and keep no position on the topic, as blockers of a plan: a name that is mistyped would leave the one that was meant behind. */
export function unknownGroups(
  carried: readonly string[] | null | undefined,
  present: readonly { readonly group: string }[],
): string[] {
  const known = new Set(present.map(({ group }) => group));
  const unknown = (carried ?? []).filter((name) => !known.has(name));
  const have = known.size === 0 ? 'no group keeps one' : `those that do: ${[...known].join(', ')}`;
  return unknown.map((name) => `group '${name}' of groups.only keeps no position on the topic; ${have}`);
}

/** Groups that stay where they are, as a risk of a plan. */
export function stayingGroups(
  carried: readonly string[] | null | undefined,
  present: readonly { readonly group: string }[],
): string[] {
  const staying = present.filter(({ group }) => !comesAlong(carried, group)).map(({ group }) => group);
  if (staying.length === 0) return [];
  return [
    `groups: ${staying.join(', ')} do not come along: from the switch on they begin where a new group begins, and where they stood on the old side stays as it was`,
  ];
}
