import { Injectable } from '@nestjs/common';
import { AppError, type JsonValue } from '#libs/core/kernel';
import {
  fieldTerm,
  nameTerm,
  propertyTerm,
  Registry,
  schemaTypeTerm,
  subjectText,
  tagTerm,
  type SchemaSearchPosition,
  type SchemaSearchQuestion,
  type SearchTerm,
  type StoredSchema,
  type SubjectVersion,
} from '#libs/core/registry';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { formatCursor, parseCursor, turn } from '#libs/platform/http';
import { SubjectAccess } from '../subject-access.js';
import type { FoundVersionView, SearchQuery, SearchView } from './schema-search.shapes.js';

/** Steps of a search for one page at most; then the page ends, however little it holds. */
const MAX_STEPS = 10;
/** Characters of texts and data contracts in one page; a page is cut behind the version that exceeds it. */
const MAX_TEXT = 4 * 1024 * 1024;

/** Looking schemas up by what they hold. */
@Injectable()
export class SchemaSearchService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
  ) {}

  /** @throws `invalid-cursor`, `invalid-request`, `search-incomplete`. */
  async page(principal: Principal, query: SearchQuery): Promise<SearchView> {
    const question = questionOf(query);
    const access = new SubjectAccess(this.authorizer, principal);
    const items: FoundVersionView[] = [];
    let from = query.cursor === undefined ? undefined : positionOf(query.cursor);
    let characters = 0;
    for (let step = 1; ; step++) {
      const page = await this.registry.search.page(question, from, query.limit - items.length);
      const hits = page.hits.filter((hit) => access.allows('read', hit.subject));
      for await (const found of this.registry.search.load(hits)) {
        items.push(viewOf(found, query.text !== false));
        characters += lengthOf(found.schema, query.text !== false);
        if (characters < MAX_TEXT || found.row === hits.at(-1)!.row) continue;
        return { items, next: cursorOf(positionAfter(found)) };
      }
      from = page.next ?? undefined;
      if (from === undefined) return { items, next: null };
      if (items.length === query.limit || step === MAX_STEPS || characters >= MAX_TEXT) {
        return { items, next: cursorOf(from) };
      }
      // Stores may answer at once: others get their turn between the steps.
      await turn();
    }
  }
}

/** @throws `invalid-request` */
export function questionOf(
  query: Pick<
    SearchQuery,
    'prefix' | 'context' | 'schemaType' | 'field' | 'name' | 'tag' | 'owner' | 'property' | 'versions'
  >,
): SchemaSearchQuestion {
  const { prefix, context, schemaType, field, name, tag, owner, property, versions } = query;
  const terms: SearchTerm[] = [
    ...(schemaType === undefined ? [] : [schemaTypeTerm(schemaType)]),
    ...(field ?? []).map(fieldTerm),
    ...(name ?? []).map(nameTerm),
    ...(tag ?? []).map(tagTerm),
    ...(owner ?? []).map((value) => propertyTerm('owner', value)),
    ...(property ?? []).map(propertyOf),
  ];
  return { prefix, context, terms, versions };
}

function propertyOf(text: string): SearchTerm {
  const at = text.indexOf('=');
  if (at > 0) return propertyTerm(text.slice(0, at), text.slice(at + 1));
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: 'A metadata property is looked for as `name=value`.',
    items: [{ path: 'property', message: 'is not of the form name=value' }],
  });
}

function viewOf({ subject, row, schema }: SubjectVersion, withText: boolean): FoundVersionView {
  return {
    subject: subjectText(subject),
    version: row.version,
    id: schema.id,
    guid: schema.guid,
    schemaType: schema.schemaType,
    deleted: row.deleted,
    registeredAt: new Date(row.registeredAt).toISOString(),
    references: [...schema.references],
    metadata: schema.metadata as FoundVersionView['metadata'],
    ruleSet: schema.ruleSet as FoundVersionView['ruleSet'],
    ...(withText ? { schema: schema.text } : {}),
  };
}

/** Of what may be long in the view of a version. */
function lengthOf({ text, metadata, ruleSet, references }: StoredSchema, withText: boolean): number {
  const contract = [metadata, ruleSet, references].filter((one) => one !== null && Object.keys(one).length > 0);
  return (withText ? text.length : 0) + contract.reduce((sum, one) => sum + JSON.stringify(one).length, 0);
}

function positionAfter({ subject, row }: SubjectVersion): SchemaSearchPosition {
  return { context: subject.context, after: { name: subject.name, version: row.version } };
}

function cursorOf({ context, after }: SchemaSearchPosition): string {
  return formatCursor(JSON.stringify([context, after?.name ?? null, after?.version ?? null]));
}

function positionOf(cursor: string): SchemaSearchPosition {
  const value = jsonOf(parseCursor(cursor));
  if (Array.isArray(value)) {
    const [context, name, version] = value;
    if (typeof context === 'string' && name === null) return { context, after: undefined };
    if (typeof context === 'string' && typeof name === 'string' && Number.isSafeInteger(version)) {
      return { context, after: { name, version: version as number } };
    }
  }
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-cursor',
    message: 'The cursor is not one of this list.',
    hint: 'Pass `next` of an earlier answer unchanged, or leave it out to begin anew.',
  });
}

function jsonOf(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
