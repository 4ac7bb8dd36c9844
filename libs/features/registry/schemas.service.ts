import { Injectable } from '@nestjs/common';
import { BoundedCache, bytesInMemory } from '#libs/core/kernel';
import {
  Registry,
  schemaNotFound,
  subjectText,
  type FoundSchema,
  type SchemaUsage,
  type StoredSchema,
} from '#libs/core/registry';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { entityTag, turn, type AnswerAtHand } from '#libs/platform/http';
import type { ListedAnswer } from './listed-answer.js';
import { flag, page, paged, prefixOf, text, type RawQuery } from './query.js';
import { SchemaTexts } from './schema-texts.js';
import { SubjectAccess } from './subject-access.js';
import { schemaString, type Shown, type Wire } from './wire.js';

/** An answer as JSON text, with its entity tag. */
export interface TaggedBody {
  readonly body: string;
  readonly tag: string;
}

/** An answer with what it was made of. */
interface KeptBody extends AnswerAtHand {
  readonly tag: string;
  readonly usages: readonly SchemaUsage[];
  readonly usage: SchemaUsage;
}

/** Of answers kept ready. One that is not is made of the schema in memory, in a tenth of the time of the request. */
const BODY_BYTES = 16 * 1024 * 1024;

/** Reading schemas by id and GUID, and lists over subjects (contract 2.3). */
@Injectable()
export class SchemasService {
  /** By id in the default context. */
  private readonly bodies = new BoundedCache<KeptBody>(BODY_BYTES);

  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
    private readonly texts: SchemaTexts,
  ) {}

  /**
   * The answer for an id as JSON text. Without parameters it is kept for as long as nothing about the schema changes, and given at once where the registry
   * can tell that at once.
   */
  bodyById(principal: Principal, id: number, query: RawQuery): TaggedBody | Promise<TaggedBody> {
    if (!isEmpty(query)) return this.bodyAsAsked(principal, id, query);
    return this.bodyAtHand(principal, id) ?? this.found(principal, id, query).then((one) => this.plainBody(one));
  }

  /** The answer for an id without parameters, where it can be given at once and the caller may read the subject that it shows. */
  bodyAtHand(principal: Principal, id: number): KeptBody | undefined {
    const found = this.registry.schemaAtHand(id);
    if (found === undefined || !new SubjectAccess(this.authorizer, principal).allows('read', found.usage.subject)) {
      return undefined;
    }
    return this.plainBody(found);
  }

  /** The list of uses is made anew whenever one of them changes, so an answer for the same list is still right. */
  private plainBody({ schema, usage, usages }: FoundSchema): KeptBody {
    const known = this.bodies.get(String(schema.id));
    if (known?.usages === usages && known.usage === usage) return known;
    const body = bodyOf(schema, this.texts.asStored(schema), usage, undefined);
    const made = { usages, usage, body, bytes: Buffer.byteLength(body), tag: entityTag(body) };
    this.bodies.set(String(schema.id), made, bytesInMemory(body) + 300);
    return made;
  }

  private async bodyAsAsked(principal: Principal, id: number, query: RawQuery): Promise<TaggedBody> {
    const { schema, usage } = await this.found(principal, id, query);
    const maxId = flag(query, 'fetchMaxId') ? await this.registry.highestId(schema.context) : undefined;
    const body = bodyOf(schema, await this.texts.tagged(schema, query), usage, maxId);
    return { body, tag: entityTag(body) };
  }

  async textById(principal: Principal, id: number, query: RawQuery): Promise<string> {
    const { schema } = await this.found(principal, id, query);
    return (await this.texts.shown(schema, query)).text;
  }

  /** A schema that some subject the caller may read carries. */
  private async found(principal: Principal, id: number, query: RawQuery): Promise<FoundSchema> {
    const access = new SubjectAccess(this.authorizer, principal);
    const found = await this.registry.schemaById(id, text(query, 'subject'));
    if (access.allows('read', found.usage.subject)) return found;
    const { schema, usages } = found;
    const visible = await access.visibleOfMany(usages);
    const instead = visible.find((one) => !one.deleted) ?? visible[0];
    if (instead === undefined) throw schemaNotFound(id);
    return { schema, usage: instead, usages };
  }

  /** Adds the uses of an id that the caller may see, a page of them. @param shown a use as it is told. */
  async usages(
    principal: Principal,
    id: number,
    query: RawQuery,
    answer: ListedAnswer,
    shown: (usage: SchemaUsage) => Wire | string,
  ): Promise<void> {
    // An id that the caller may not see at all is unknown to it.
    await this.found(principal, id, query).catch((error: unknown) => {
      throw (error as { code?: string }).code === 'schema-not-found' ? schemaNotFound() : error;
    });
    const usages = await this.registry.usagesOf(id, text(query, 'subject'));
    const visible = await new SubjectAccess(this.authorizer, principal).visibleOfMany(usages);
    const wanted = flag(query, 'deleted') ? visible : visible.filter((usage) => !usage.deleted);
    for (const usage of paged(wanted, page(query))) await answer.add(shown(usage));
  }

  async byGuid(principal: Principal, guid: string, query: RawQuery): Promise<Wire> {
    const { schema, usage, usages } = await this.registry.schemaByGuid(guid);
    const visible = await new SubjectAccess(this.authorizer, principal).visibleOfMany(usages);
    if (visible.length === 0) throw schemaNotFound(guid);
    const row = visible.includes(usage) ? usage : (visible.find((one) => !one.deleted) ?? visible[0]!);
    return schemaString(schema, await this.texts.shown(schema, query), row, {});
  }

  /** Ids of content whose subjects the caller may not read are left out; those of purged content are nobody's and everybody's. */
  async idsOfGuid(principal: Principal, guid: string): Promise<readonly Wire[]> {
    const access = new SubjectAccess(this.authorizer, principal);
    const ids = await this.registry.idsOfGuid(guid);
    const shown: Wire[] = [];
    for (const { context, id } of ids) {
      const entry = await this.registry.view.entry(context, id);
      if (entry === undefined || (await access.seesOne(entry.usages))) shown.push({ context, id });
    }
    return shown;
  }

  /** Names of subjects; without a prefix those of all contexts. */
  async subjects(principal: Principal, query: RawQuery): Promise<readonly string[]> {
    const access = new SubjectAccess(this.authorizer, principal);
    const { context, prefix } = prefixOf(text(query, 'subjectPrefix') ?? ':*:');
    const onlyDeleted = flag(query, 'deletedOnly');
    const deletedToo = flag(query, 'deleted');
    const names: string[] = [];
    for await (const listed of this.registry.list(context, prefix)) {
      for (const { subject, live } of listed) {
        const wanted = onlyDeleted ? !live : live || deletedToo;
        if (wanted && access.allows('read', subject)) names.push(subjectText(subject));
      }
      // SQLite answers at once: nothing else would have a turn.
      await turn();
    }
    // Each context's are in order already.
    return paged(names.sort(), page(query));
  }
}

function bodyOf(schema: StoredSchema, shown: Shown, usage: SchemaUsage, maxId: number | undefined): string {
  return JSON.stringify(
    schemaString(schema, shown, usage, { subject: subjectText(usage.subject), version: usage.version, maxId }),
  );
}

function isEmpty(query: RawQuery): boolean {
  for (const _name in query) return false;
  return true;
}
