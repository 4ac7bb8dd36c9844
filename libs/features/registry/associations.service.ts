import { Injectable } from '@nestjs/common';
import { AppError, isAppError } from '#libs/core/kernel';
import {
  associationInvalid,
  LIFECYCLES,
  parseSubject,
  Registry,
  subjectText,
  type Association,
  type AssociationAction,
  type AssociationFilter,
  type AssociationOptions,
  type AssociationOutcome,
  type Lifecycle,
  type SentResource,
} from '#libs/core/registry';
import { Authorizer, type Principal } from '#libs/platform/auth';
import {
  associationBody,
  associationQueriesBody,
  mutationsBody,
  type SentAssociationQuery,
  type SentMutation,
} from './association-bodies.js';
import { confluentError } from './confluent-errors.js';
import { contextInvalid, contextNamed } from './context-paths.js';
import { choices, flag, page, paged, text, texts, type RawQuery } from './query.js';
import type { ListedAnswer } from './listed-answer.js';
import { SchemaTexts } from './schema-texts.js';
import { SubjectAccess } from './subject-access.js';
import {
  associationInfo,
  associationResult,
  associationWire,
  foundVersion,
  subjectVersion,
  type Wire,
} from './wire.js';

const TOPIC = 'topic';
const ANY_NAMESPACE = '-';
/** Characters of the answer to a batch, after which no further entry is begun: each may register a schema of a mebibyte and more, which it answers. */
const LONG_ANSWER = 8 * 1024 * 1024;
/** As many as of schemas. */
const LIST_LIMIT = 1_000;

/** Resources and their subjects (contract 2.9). What is associated with a subject is seen by whoever may read it, and changed by whoever may write it. */
@Injectable()
export class AssociationsService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
    private readonly schemaTexts: SchemaTexts,
  ) {}

  async ofSubject(principal: Principal, subject: string, query: RawQuery): Promise<readonly Wire[]> {
    const filter = filterOf(query);
    return this.shown(principal, await this.registry.associations.ofSubject(parseSubject(subject), filter), query);
  }

  async ofName(principal: Principal, namespace: string, name: string, query: RawQuery): Promise<readonly Wire[]> {
    const filter = filterOf(query);
    const found = await this.registry.associations.ofName(namespaceOf(namespace), name, filter);
    return this.shown(principal, found, query);
  }

  async ofResource(principal: Principal, resourceId: string, query: RawQuery): Promise<readonly Wire[]> {
    const filter = filterOf(query);
    return this.shown(principal, await this.registry.associations.ofResource(resourceId, filter), query);
  }

  private shown(principal: Principal, found: readonly Association[], query: RawQuery): readonly Wire[] {
    const visible = new SubjectAccess(this.authorizer, principal).visible(found);
    return paged(visible, page(query, LIST_LIMIT)).map(associationWire);
  }

  /** @param resourceId of the path; undefined for creating. */
  async put(
    principal: Principal,
    action: AssociationAction,
    resourceId: string | undefined,
    body: unknown,
    query: RawQuery,
  ): Promise<Wire> {
    const sent = associationBody(body, action === 'create' ? 'createAssociation' : 'createOrUpdateAssociation');
    const given = sent.resourceId ?? resourceId;
    if (resourceId !== undefined && given !== resourceId) {
      throw associationInvalid('resourceId', 'does not match the resource id in the path');
    }
    const options = optionsOf(query);
    await this.demand(principal, { ...sent, resourceId: given }, sent.associations ?? [], options.context);
    const outcome = await this.registry.associations.put(action, { ...sent, resourceId: given }, options);
    return this.outcome(outcome);
  }

  async remove(principal: Principal, resourceId: string, query: RawQuery): Promise<void> {
    const resourceType = text(query, 'resourceType') || TOPIC;
    const associationTypes = texts(query, 'associationType');
    const cascade = flag(query, 'cascadeLifecycle');
    const held = await this.registry.associations.ofResource(resourceId, { resourceType, associationTypes });
    this.demandRemoval(principal, held, cascade);
    await this.registry.associations.remove(resourceId, resourceType, {
      associationTypes,
      cascade,
      dryRun: flag(query, 'dryRun'),
    });
  }

  /** An entry that fails says why in its place; the others are carried out all the same. */
  async mutate(principal: Principal, body: unknown, query: RawQuery): Promise<Wire> {
    const mutations = mutationsBody(body);
    const options = optionsOf(query);
    const results: Wire[] = [];
    let characters = 0;
    for (const mutation of mutations) {
      const result = await entryOf(() => {
        // What was done must be told, so what cannot be told any more is not begun.
        if (characters > LONG_ANSWER) throw batchTooLong(characters);
        return this.mutation(principal, mutation, options);
      });
      characters += JSON.stringify(result).length;
      results.push(result);
    }
    return { results };
  }

  private async mutation(principal: Principal, mutation: SentMutation, options: AssociationOptions): Promise<Wire> {
    const made = mutation.operations.flatMap((one) => (one.type === 'DELETE' ? [] : [one.association]));
    await this.demand(principal, mutation, made, options.context);
    await this.demandRemovals(principal, mutation);
    return this.outcome(await this.registry.associations.mutate(mutation, options));
  }

  async batchGet(principal: Principal, body: unknown, query: RawQuery, answer: ListedAnswer): Promise<void> {
    const shownIn = flag(query, 'includeSchemas') ? answer : undefined;
    for (const one of associationQueriesBody(body)) {
      await answer.add(await entryOf(() => this.answer(principal, one, shownIn)));
    }
  }

  /** @param shownIn where the texts of schemas are counted; none are shown unless given. */
  private async answer(
    principal: Principal,
    asked: SentAssociationQuery,
    shownIn: ListedAnswer | undefined,
  ): Promise<Wire> {
    const { resourceName, resourceNamespace, resourceId, associationTypes, lifecycle } = asked;
    const resourceType = asked.resourceType || TOPIC;
    const filter = { resourceType, associationTypes, lifecycles: lifecycle === undefined ? [] : [lifecycle] };
    if (!resourceId && !resourceName) throw associationInvalid('resourceName', 'cannot be null or empty');
    const found = resourceId
      ? await this.registry.associations.ofResource(resourceId, filter)
      : await this.registry.associations.ofName(namespaceOf(resourceNamespace), resourceName!, filter);
    const visible = new SubjectAccess(this.authorizer, principal).visible(found);
    const infos: Wire[] = [];
    for (const one of visible) infos.push(associationInfo(one, shownIn && (await this.latest(one, shownIn))));
    const [first] = visible;
    return associationResult(
      {
        resourceName: resourceName ?? first?.resourceName,
        resourceNamespace: resourceNamespace ?? first?.resourceNamespace,
        resourceId: resourceId ?? first?.resourceId,
        resourceType,
      },
      infos,
    );
  }

  private async latest({ subject }: Association, shownIn: ListedAnswer): Promise<Wire | undefined> {
    const latest = await this.registry.latest(subject);
    if (latest === undefined) return undefined;
    shownIn.expect(latest.schema.text);
    return subjectVersion(
      subjectText(subject),
      latest.row,
      latest.schema,
      await this.schemaTexts.shown(latest.schema, {}),
    );
  }

  private async outcome({ resource, associations, schemas }: AssociationOutcome): Promise<Wire> {
    const infos: Wire[] = [];
    for (const one of associations) {
      const found = schemas.get(one.associationType);
      const schema = found && foundVersion(found, await this.schemaTexts.shown(found.schema, {}));
      infos.push(associationInfo(one, schema));
    }
    return associationResult(resource, infos);
  }

  /** To tie a subject to a resource is to write it; what its schema refers to must be readable. */
  private async demand(
    principal: Principal,
    { resourceName, resourceNamespace }: SentResource,
    associations: NonNullable<ReturnType<typeof associationBody>['associations']>,
    context: string,
  ): Promise<void> {
    const access = new SubjectAccess(this.authorizer, principal);
    for (const { subject, associationType, schema } of associations) {
      const own = `:.${resourceNamespace ?? ''}:${resourceName ?? ''}-${associationType || 'value'}`;
      const named = parseSubject(subject ?? own, context);
      const target = await this.registry.target(named);
      for (const one of [named, target]) access.demand('write', one);
      access.requireReadableReferences(target.context, schema?.references);
    }
  }

  private async demandRemovals(principal: Principal, { operations, resourceId }: SentMutation): Promise<void> {
    for (const one of operations) {
      if (one.type !== 'DELETE') continue;
      const associationTypes = [one.associationType || 'value'];
      const held = await this.registry.associations.ofResource(resourceId ?? '', { associationTypes });
      this.demandRemoval(principal, held, one.cascade);
    }
  }

  /** What may not be read is not there; a subject that goes with its association must be one that the caller may delete. */
  private demandRemoval(principal: Principal, held: readonly Association[], cascade: boolean): void {
    const access = new SubjectAccess(this.authorizer, principal);
    for (const { subject, lifecycle } of held) {
      access.demandVisible(subject);
      access.demand('write', subject);
      if (cascade && lifecycle === 'STRONG') access.demand('delete', subject);
    }
  }
}

function batchTooLong(measured: number): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'answer-too-long',
    message: `The entries before have answers of ${measured} characters with their schemas; after ${LONG_ANSWER} nothing more is begun. Send this one in another batch.`,
    details: { value: LONG_ANSWER, measured },
  });
}

/** What an entry of a batch comes to. One that fails says why in its place. */
async function entryOf(answer: () => Wire | Promise<Wire>): Promise<Wire> {
  try {
    return { result: await answer() };
  } catch (error) {
    if (!isAppError(error)) throw error;
    const { errorCode, message } = confluentError(error);
    return { error: { error_code: errorCode, message } };
  }
}

/** @throws `not-found` for a lifecycle that there is not, as the reference has it. */
function filterOf(query: RawQuery): AssociationFilter {
  return {
    resourceType: text(query, 'resourceType') || TOPIC,
    associationTypes: texts(query, 'associationType').filter((type) => type !== ''),
    lifecycles: choices(query, 'lifecycle', LIFECYCLES).slice(0, 1) as Lifecycle[],
  };
}

function optionsOf(query: RawQuery): AssociationOptions {
  const given = text(query, 'context') ?? '';
  const context = given === '' ? '.' : contextNamed(encodeURIComponent(given));
  if (context === undefined) throw contextInvalid(given);
  return { context, dryRun: flag(query, 'dryRun') };
}

function namespaceOf(given: string | null | undefined): string | undefined {
  return !given || given === ANY_NAMESPACE ? undefined : given;
}
