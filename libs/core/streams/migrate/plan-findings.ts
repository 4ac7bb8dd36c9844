import { isInternalTopic, MAX_TOPIC_NAME, topicNameFault } from '#libs/core/log';
import type { PlanContext } from '../generations/kind.js';
import { parkedTopic } from '../generations/preparation.js';
import type { GroupOnTopic } from '../generations/topic-facts.js';
import type { MigrationParameters, MigrationRequest } from './parameters.js';
import { writesValues } from './program.js';
import type { RehearsalTally } from './rehearsal.js';
import type { Untranslated } from './untranslated.js';

/** As long as the id of an operation, which the name of the topic for parked records ends with. */
const SOME_OPERATION = `op_${'0'.repeat(26)}`;

/** What somebody who starts the plan should know. */
export function risksOf(
  { readers, engine }: PlanContext,
  parameters: MigrationParameters,
  tally: RehearsalTally,
  groups: readonly GroupOnTopic[],
  untranslated: readonly Untranslated[],
): string[] {
  const found: string[] = [];
  const changesShape = writesValues(parameters.up) || parameters.format !== null;
  if (changesShape) {
    found.push(
      'writers: what they write after the switch is taken as it is, so they must write the new form from then on',
    );
  }
  if (changesShape && groups.length > 0) {
    const named = groups.map((one) => `'${one.group}'`).join(', ');
    found.push(`groups: ${named} read the new form from the switch on`);
  }
  if (changesShape && readers.length > 0) {
    found.push(
      `views and derivations: ${readers.join(', ')} read the new form from the switch on; build those anew that name other fields`,
    );
  }
  if (parameters.schemaIds?.register === true && untranslated.length > 0) {
    found.push(
      `schemas: ${namesOf(untranslated)} are registered in context '${parameters.schemaIds.to}' when they are met`,
    );
  }
  if (!parameters.reverseTail) {
    const why = whyNoWayBack(parameters, engine.capabilities.fencing === 'topic');
    found.push(`rolling back is possible only while nothing was written to the new side: ${why}`);
  }
  if (tally.leftOut > 0) {
    found.push(
      `${tally.leftOut} of ${tally.records} records looked at are left out by the filter, and are gone with the old side`,
    );
  }
  if (parameters.parking?.leave === true) {
    found.push(
      'records that are parked at the switch are left out of the new side, and what is written to their keys from then on does not wait for them',
    );
  }
  if (parameters.poison.policy !== 'fail') {
    for (const [poison, count] of tally.poison) {
      found.push(`${count} of ${tally.records} records looked at cannot be migrated: ${poison}`);
    }
  }
  return found;
}

/** Why nothing keeps the old side current. */
function whyNoWayBack({ down, schemaIds }: MigrationParameters, holdsAllWriters: boolean): string {
  if (down === null) return 'there is no transform.down, and none that follows from up';
  if (schemaIds && schemaIds.from.registry !== null)
    return `registry '${schemaIds.from.registry}' is only read, and not asked what its ids are for schemas of this one`;
  if (!holdsAllWriters)
    return 'only writers of this service are held back from the old side, so that others could write among what is brought back';
  return 'reverseTail is turned off';
}

/** Why the plan cannot be started. */
export function blockersOf(
  { topic }: PlanContext,
  parameters: MigrationParameters,
  request: MigrationRequest,
  tally: RehearsalTally,
  untranslated: readonly Untranslated[],
): string[] {
  const found: string[] = [];
  if (parameters.schemaIds?.register === false && untranslated.length > 0) {
    found.push(
      `context '${parameters.schemaIds.to}' does not have the schemas ${namesOf(untranslated)}; register them there, or set schemaIds.register`,
    );
  }
  if (isInternalTopic(topic.logical)) found.push(`'${topic.logical}' is an internal topic`);
  if (topic.guard.frozen) {
    found.push(`topic '${topic.logical}' is frozen; unfreeze it first`);
  } else if (topic.description.state !== 'ACTIVE') {
    found.push(`topic '${topic.logical}' is ${topic.description.state}; only an ACTIVE topic can be migrated`);
  }
  if (topicNameFault(parameters.target.physical) !== undefined) {
    found.push(`the name of the new generation would be longer than ${MAX_TOPIC_NAME} characters`);
  }
  if (parameters.parking && topicNameFault(parkedTopic(parameters, SOME_OPERATION)) !== undefined) {
    found.push(`the name of the topic for parked records would be longer than ${MAX_TOPIC_NAME} characters`);
  }
  const { up, format } = parameters;
  if (
    up.filter === null &&
    up.steps.length === 0 &&
    format === null &&
    !parameters.schemaIds &&
    !parameters.key &&
    Object.keys(request.config).length === 0
  ) {
    found.push('nothing would change: there is no step, filter, format, key, schemaIds or setting');
  }
  if (topic.keyExpression !== null && (writesValues(up) || format !== null)) {
    found.push(
      `the keys of new records come from '${topic.keyExpression}' since a repartition, which reads values as they are now; repartition by the writers' keys first`,
    );
  }
  found.push(...unstable(tally));
  if (parameters.poison.policy === 'fail') {
    for (const [poison, count] of tally.poison) {
      found.push(
        `${count} of ${tally.records} records looked at cannot be migrated: ${poison}; correct the transform, or choose poison.policy dlq, park-by-key or pass-through`,
      );
    }
  }
  found.push(...undeclared(tally));
  return found;
}

function namesOf(untranslated: readonly Untranslated[]): string {
  return untranslated.map(({ name, subject }) => `${name} ('${subject}')`).join(', ');
}

/** What is wrong with a transform that does not come to the same twice. */
export function unstable(tally: RehearsalTally): string[] {
  if (tally.unstable === 0) return [];
  return [
    `the transform is not deterministic: ${tally.unstable} of ${tally.records} records came to something else the second time`,
  ];
}

/** What `down` loses and nobody said it may. */
export function undeclared(tally: RehearsalTally): string[] {
  const found: string[] = [];
  for (const [place, count] of tally.lost) {
    found.push(
      `down does not restore ${place === '' ? 'the value' : `'${place}'`} in ${count} of ${tally.returned} records; name it in transform.lossy to accept that, or set reverseTail to false`,
    );
  }
  for (const [why, count] of tally.notReturned) {
    found.push(
      `down has no answer for ${count} of ${tally.returned} migrated records: ${why}; correct it, or set reverseTail to false`,
    );
  }
  return found;
}
