import { Injectable } from '@nestjs/common';
import { Registry, schemaNotFound, type FoundSchema, subjectText, type SchemaUsage } from '#libs/core/registry';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { entityTag } from '#libs/platform/http';
import { flag, page, paged, prefixOf, text, type RawQuery } from './query.js';
import { SchemaTexts } from './schema-texts.js';
import { SubjectAccess } from './subject-access.js';
import { schemaString, type Wire } from './wire.js';

/** An answer as JSON text, with its entity tag. */
export interface TaggedBody {
  readonly body: string;
  readonly tag: string;
}

interface KeptBody extends TaggedBody {
  readonly usage: SchemaUsage;
}

/** Reading schemas by id and GUID, and lists over subjects (contract 2.3). */
@Injectable()
export class SchemasService {
  /** By the list of uses, which the registry makes anew whenever one of them changes. */
  private readonly bodies = new WeakMap<readonly SchemaUsage[], KeptBody>();

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
    const found = isEmpty(query) ? this.registry.schemaAtHand(id) : undefined;
    const known = found && this.bodies.get(found.usages);
    const isKnown = known !== undefined && known.usage === found?.usage;
    if (isKnown && new SubjectAccess(this.authorizer, principal).allows('read', known.usage.subject)) return known;
    return this.makeBodyById(principal, id, query);
  }

  private async makeBodyById(principal: Principal, id: number, query: RawQuery): Promise<TaggedBody> {
    const plain = isEmpty(query);
    const { schema, usage, usages } = await this.found(principal, id, query);
    const known = this.bodies.get(usages);
    if (plain && known?.usage === usage) return known;
    const maxId = flag(query, 'fetchMaxId') ? await this.registry.highestId(schema.context) : undefined;
    const more = { subject: subjectText(usage.subject), version: usage.version, maxId };
    const body = JSON.stringify(schemaString(schema, await this.texts.tagged(schema, query), usage, more));
    const made = { usage, body, tag: entityTag(body) };
    if (plain) this.bodies.set(usages, made);
    return made;
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
    const visible = access.visible(usages);
    const instead = visible.find((one) => !one.deleted) ?? visible[0];
    if (instead === undefined) throw schemaNotFound(id);
    return { schema, usage: instead, usages };
  }

  async usages(principal: Principal, id: number, query: RawQuery): Promise<readonly SchemaUsage[]> {
    // An id that the caller may not see at all is unknown to it.
    await this.found(principal, id, query).catch((error: unknown) => {
      throw (error as { code?: string }).code === 'schema-not-found' ? schemaNotFound() : error;
    });
    const usages = await this.registry.usagesOf(id, text(query, 'subject'));
    const visible = new SubjectAccess(this.authorizer, principal).visible(usages);
    const wanted = flag(query, 'deleted') ? visible : visible.filter((usage) => !usage.deleted);
    return paged(wanted, page(query));
  }

  async byGuid(principal: Principal, guid: string, query: RawQuery): Promise<Wire> {
    const { schema, usage, usages } = await this.registry.schemaByGuid(guid);
    const visible = new SubjectAccess(this.authorizer, principal).visible(usages);
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
      if (entry === undefined || access.visible(entry.usages).length > 0) shown.push({ context, id });
    }
    return shown;
  }

  /** Names of subjects; without a prefix those of all contexts. */
  async subjects(principal: Principal, query: RawQuery): Promise<readonly string[]> {
    const access = new SubjectAccess(this.authorizer, principal);
    const { context, prefix } = prefixOf(text(query, 'subjectPrefix') ?? ':*:');
    const onlyDeleted = flag(query, 'deletedOnly');
    const deletedToo = flag(query, 'deleted');
    const names = (await this.registry.list(context, prefix))
      .filter((listing) => (onlyDeleted ? !listing.live : listing.live || deletedToo))
      .filter((listing) => access.allows('read', listing.subject))
      .map((listing) => subjectText(listing.subject));
    return paged(names, page(query));
  }
}

function isEmpty(query: RawQuery): boolean {
  for (const _name in query) return false;
  return true;
}
