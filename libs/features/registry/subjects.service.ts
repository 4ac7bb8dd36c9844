import { Injectable } from '@nestjs/common';
import { isAppError } from '#libs/core/kernel';
import {
  parseSubject,
  Registry,
  subjectNotFound,
  subjectText,
  type LookupOptions,
  type Referrer,
  type RegisteredVersion,
  type RegisterOptions,
  type SchemaInquiry,
  type SentRegistration,
  type SentSchema,
  type SubjectName,
  type SubjectVersion,
} from '#libs/core/registry';
import { Authorizer, type Action, type Principal } from '#libs/platform/auth';
import type { AnswerAtHand } from '#libs/platform/http';
import { registrationBody, retaggingBody } from './bodies.js';
import { confluentMessage, isSchemaProblem } from './confluent-errors.js';
import { flag, page, paged, texts, versionChoice, type RawQuery } from './query.js';
import { RegistrationRight } from './registration-right.js';
import { SchemaTexts, showsAsStored } from './schema-texts.js';
import { SubjectAccess } from './subject-access.js';
import { foundVersion, registered, subjectVersion, type Shown, type Wire } from './wire.js';

const NO_QUERY: RawQuery = {};

/** Subjects and their versions: registering, looking up, reading, deleting, checking (contract 2.4 and 2.5). */
@Injectable()
export class SubjectsService {
  /** Answers as text, by what the registry found: it gives the same object for as long as the answer holds. */
  private readonly answers = new WeakMap<RegisteredVersion, AnswerAtHand>();

  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
    private readonly texts: SchemaTexts,
    private readonly right: RegistrationRight,
  ) {}

  /** The answer as JSON text where it was given before and still holds. */
  register(principal: Principal, name: string, body: unknown, query: RawQuery): string | Promise<Wire> {
    const sent = registrationBody(body, 'register');
    const options = { normalize: flag(query, 'normalize'), force: flag(query, 'force') };
    const inquiry = { kind: 'register', normalize: options.normalize } as const;
    return (
      this.answerAtHand(name, sent, query, inquiry, registered)?.body ??
      this.registerNow(principal, name, sent, query, options)
    );
  }

  private async registerNow(
    principal: Principal,
    name: string,
    sent: SentRegistration,
    query: RawQuery,
    options: RegisterOptions,
  ): Promise<Wire> {
    const { named, target, access } = await this.reach(principal, 'read', name);
    access.requireReadableReferences(target.context, sent.references);
    const found = (await this.right.holds(principal, target))
      ? await this.registry.register(named, sent, options)
      : await this.registeredBefore(access, target, sent, options);
    return registered(found, await this.texts.shown(found.schema, query));
  }

  /** Serializers register at every start: whoever may read is answered what is known, and refused only what is new. */
  private async registeredBefore(
    access: SubjectAccess,
    target: SubjectName,
    sent: SentRegistration,
    options: RegisterOptions,
  ): Promise<RegisteredVersion> {
    try {
      return await this.registry.registered(target, sent, options);
    } catch (error) {
      // Whoever may write at all is told of the policy; to everybody else it does not matter.
      if (isAppError(error, 'registration-forbidden')) access.demand('write', target);
      throw error;
    }
  }

  /** Like {@link register}. */
  lookup(principal: Principal, name: string, body: unknown, query: RawQuery): string | Promise<Wire> {
    const sent = registrationBody(body, 'lookUpSchemaUnderSubject');
    const options = { normalize: flag(query, 'normalize'), deleted: flag(query, 'deleted') };
    const inquiry = { kind: 'lookup', ...options } as const;
    return (
      this.answerAtHand(name, sent, query, inquiry, foundVersion)?.body ??
      this.lookupNow(principal, name, sent, query, options)
    );
  }

  /** The answer of {@link register} without parameters, where it was given before and still holds. */
  registeredAtHand(name: string, body: unknown): AnswerAtHand | undefined {
    const sent = registrationBody(body, 'register');
    return this.answerAtHand(name, sent, NO_QUERY, { kind: 'register', normalize: false }, registered);
  }

  /** As {@link registeredAtHand}, of {@link lookup}. */
  lookupAtHand(name: string, body: unknown): AnswerAtHand | undefined {
    const sent = registrationBody(body, 'lookUpSchemaUnderSubject');
    const inquiry = { kind: 'lookup', normalize: false, deleted: false } as const;
    return this.answerAtHand(name, sent, NO_QUERY, inquiry, foundVersion);
  }

  private async lookupNow(
    principal: Principal,
    name: string,
    sent: SentSchema,
    query: RawQuery,
    options: LookupOptions,
  ): Promise<Wire> {
    const { named, target, access } = await this.reach(principal, 'read', name);
    access.requireReadableReferences(target.context, sent.references);
    const found = await this.registry.lookup(named, sent, options);
    access.demandVisible(found.subject);
    return foundVersion(found, await this.texts.shown(found.schema, query));
  }

  /**
   * What the registry can tell at once about the subject of the path itself, which the guard has judged: nothing that reaches another subject is told at
   * once. Texts are kept with the registry's answers.
   */
  private answerAtHand(
    name: string,
    sent: SentRegistration,
    query: RawQuery,
    inquiry: SchemaInquiry,
    wire: (found: RegisteredVersion, shown: Shown) => Wire,
  ): AnswerAtHand | undefined {
    const subject = parseSubject(name);
    if (subjectText(subject) !== name || !showsAsStored(query)) return undefined;
    const found = this.registry.answerAtHand(subject, sent, inquiry);
    if (found === undefined) return undefined;
    let answer = this.answers.get(found);
    if (answer === undefined) {
      const body = JSON.stringify(wire(found, found.schema));
      this.answers.set(found, (answer = { body, bytes: Buffer.byteLength(body) }));
    }
    return answer;
  }

  async versions(principal: Principal, name: string, query: RawQuery): Promise<readonly number[]> {
    const { named, target } = await this.reach(principal, 'read', name);
    const onlyDeleted = flag(query, 'deletedOnly');
    const negative = flag(query, 'deletedAsNegative');
    const deletedToo = flag(query, 'deleted') || negative;
    const rows = (await this.registry.versions(named)).filter((row) =>
      onlyDeleted ? row.deleted : deletedToo || !row.deleted,
    );
    if (rows.length === 0) throw subjectNotFound(subjectText(target));
    const numbers = rows.map((row) => (row.deleted && negative ? -row.version : row.version));
    return paged(numbers, page(query));
  }

  async version(principal: Principal, name: string, version: string, query: RawQuery): Promise<Wire> {
    const { subject, row, schema } = await this.found(principal, name, version, flag(query, 'deleted'));
    return subjectVersion(subjectText(subject), row, schema, await this.texts.tagged(schema, query));
  }

  async versionText(principal: Principal, name: string, version: string, query: RawQuery): Promise<string> {
    const { schema } = await this.found(principal, name, version, flag(query, 'deleted'));
    return (await this.texts.shown(schema, query)).text;
  }

  private async found(principal: Principal, name: string, version: string, deleted: boolean): Promise<SubjectVersion> {
    const choice = versionChoice(version);
    const { named, target, access } = await this.reach(principal, 'read', name);
    const found = await this.registry.version(named, choice, deleted);
    if (!access.allows('read', found.subject)) throw subjectNotFound(subjectText(target));
    return found;
  }

  async retag(principal: Principal, name: string, version: string, body: unknown): Promise<Wire> {
    const choice = versionChoice(version);
    const sent = retaggingBody(body);
    const { named } = await this.reach(principal, 'write', name);
    const found = await this.registry.retag(named, choice, sent);
    return registered(found, await this.texts.shown(found.schema, {}));
  }

  /** The newest version whose metadata has every one of the properties asked for. */
  async versionWithMetadata(principal: Principal, name: string, query: RawQuery): Promise<Wire> {
    const { named } = await this.reach(principal, 'read', name);
    const values = texts(query, 'value');
    const keys = texts(query, 'key').slice(0, values.length);
    const properties = new Map(keys.map((key, i) => [key, values[i]!]));
    const found = await this.registry.versionWith(named, properties, flag(query, 'deleted'));
    return subjectVersion(
      subjectText(found.subject),
      found.row,
      found.schema,
      await this.texts.shown(found.schema, query),
    );
  }

  /** Ids of schemas that refer to a version, by context and id. */
  async referencedBy(principal: Principal, name: string, version: string, query: RawQuery): Promise<readonly number[]> {
    const choice = versionChoice(version);
    const { named, access } = await this.reach(principal, 'read', name);
    const deleted = flag(query, 'deleted');
    const visible = await access.visibleOfMany(await this.registry.referrers(named, choice));
    const ids: number[] = [];
    let last: Referrer | undefined;
    // All those with one id follow one another.
    for (const one of visible) {
      if (one.deleted && !deleted) continue;
      if (one.schemaId !== last?.schemaId || one.context !== last.context) ids.push(one.schemaId);
      last = one;
    }
    return paged(ids, page(query));
  }

  async deleteSubject(principal: Principal, name: string, query: RawQuery): Promise<readonly number[]> {
    const { named } = await this.reach(principal, 'delete', name);
    return this.registry.deleteSubject(named, flag(query, 'permanent'));
  }

  async deleteVersion(principal: Principal, name: string, version: string, query: RawQuery): Promise<number> {
    const choice = versionChoice(version);
    const { named } = await this.reach(principal, 'delete', name);
    return this.registry.deleteVersion(named, choice, flag(query, 'permanent'));
  }

  /** @param version undefined: against the whole history, as registration would. */
  async check(
    principal: Principal,
    name: string,
    version: string | undefined,
    body: unknown,
    query: RawQuery,
  ): Promise<Wire> {
    const against = version === undefined ? 'history' : versionChoice(version);
    const sent = registrationBody(body, 'testCompatibilityBySubjectName');
    const verbose = flag(query, 'verbose');
    const { named, target, access } = await this.reach(principal, 'read', name);
    access.requireReadableReferences(target.context, sent.references);
    try {
      const answer = await this.registry.check(named, sent, against, { normalize: flag(query, 'normalize') });
      return { is_compatible: answer.compatible, ...(verbose ? { messages: answer.messages } : {}) };
    } catch (error) {
      // With messages asked for, a schema that cannot be read is an answer, too.
      if (!verbose || !isAppError(error) || !isSchemaProblem(error)) throw error;
      return { is_compatible: false, messages: [confluentMessage(error)] };
    }
  }

  /** The subject named in the path, which the guard has judged, and the one that is meant: an alias's target, judged here. The registry itself takes the name. */
  private async reach(
    principal: Principal,
    action: Action,
    name: string,
  ): Promise<{ readonly named: SubjectName; readonly target: SubjectName; readonly access: SubjectAccess }> {
    const access = new SubjectAccess(this.authorizer, principal);
    const named = parseSubject(name);
    const target = await this.registry.target(named);
    if (subjectText(target) !== name) access.demand(action, target);
    return { named, target, access };
  }
}
