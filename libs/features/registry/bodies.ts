import { AppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import { contractValues, type ConfigUpdate, type SentRegistration, type SentRetagging } from '#libs/core/registry';
import type { TagEdit } from '#libs/core/schema';

const { boolean, choice, integer, list, member, metadata, ruleSet, scalarText, string, unreadable } = contractValues;

/** Request bodies: objects of the contract, read leniently (see contractValues); a missing body is refused with 422. */

/** What recurring bodies were read as. They are frozen, so what was read stays right. */
const recurring = new WeakMap<object, SentRegistration>();

/** @param method what the reference's message names. @throws `invalid-request`, `body-missing` */
export function registrationBody(body: unknown, method: string): SentRegistration {
  const known = typeof body === 'object' && body !== null ? recurring.get(body) : undefined;
  if (known !== undefined) return known;
  const object = requireObject(body, `${method}.request`);
  const sent = registration(object);
  if (Object.isFrozen(object)) recurring.set(object, sent);
  return sent;
}

/** A schema to register as it stands in a body, perhaps inside another object. */
export function registration(object: JsonObject): SentRegistration {
  return {
    ...contractValues.registrationFrom(object),
    tags: tagEdits(object, 'schemaTagsToAdd', 'schemaTagsToRemove'),
    propagateTags: boolean(object, 'propagateSchemaTags') === true,
  };
}

/** A POST …/tags. @throws `invalid-request`, `body-missing` */
export function retaggingBody(body: unknown): SentRetagging {
  const object = requireObject(body, 'modifySchemaTags.request');
  return {
    newVersion: integer(object, 'newVersion'),
    tags: tagEdits(object, 'tagsToAdd', 'tagsToRemove'),
    metadata: metadata(object, 'metadata'),
    ruleSet: ruleSet(object, 'ruleSet'),
    rulesToMerge: ruleSet(object, 'rulesToMerge'),
    rulesToRemove: list(object, 'rulesToRemove')?.map((name) => scalarText(name, 'rulesToRemove')),
  };
}

/** All that is added, then all that is removed. */
function tagEdits(from: JsonObject, added: string, removed: string): readonly TagEdit[] {
  const edits = (name: string, edit: (tags: readonly string[]) => Pick<TagEdit, 'add' | 'remove'>) =>
    (list(from, name) ?? []).map((value): TagEdit => {
      const entity = isJsonObject(value) ? member(value, 'schemaEntity') : undefined;
      if (!isJsonObject(value) || !isJsonObject(entity)) throw unreadable(name, 'schemaEntity and tags', value);
      const kind = choice(entity, 'entityType', ['sr_record', 'sr_field']) ?? 'sr_record';
      const tags = (list(value, 'tags') ?? []).map((tag) => scalarText(tag, `${name}.tags`));
      return {
        path: string(entity, 'entityPath') ?? '',
        kind: kind === 'sr_field' ? 'field' : 'record',
        ...edit(tags),
      };
    });
  return [...edits(added, (add) => ({ add, remove: [] })), ...edits(removed, (remove) => ({ add: [], remove }))];
}

/** A PUT of settings: absent members stay, null clears. @throws also `compatibility-level-unknown` */
export function configBody(body: unknown): ConfigUpdate {
  return contractValues.configFrom(requireObject(body, 'updateSubjectLevelConfig.request'), 'compatibility');
}

/** The mode as it was written; null clears; undefined: the body has no mode. */
export function modeBody(body: unknown): string | null | undefined {
  return string(requireObject(body, 'updateMode.request'), 'mode');
}

/** @throws `body-missing` (422) without a body, `invalid-request` (400) for one that is no object. */
export function requireObject(body: unknown, argument: string): JsonObject {
  if (body === undefined || body === null) {
    throw new AppError({
      kind: 'unprocessable',
      code: 'body-missing',
      message: `${argument} must not be null (was null)`,
      hint: 'Send a JSON object.',
    });
  }
  if (!isJsonObject(body)) throw unreadable('', 'an object', body);
  return body;
}
