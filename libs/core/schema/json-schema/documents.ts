import { schemaInvalid, schemaTooLarge } from '../errors.js';
import type { ResolvedReference } from '../format.js';
import type { SchemaLimits } from '../limits.js';
import {
  JsonDepthError,
  JsonSyntaxError,
  parseLossless,
  positionAt,
  type JsonMembers,
  type JsonNode,
} from '../lossless-json.js';
import { draftOf, idKeyword, isModern, metaSchemaDraft, type Draft } from './drafts.js';
import { metaSchemaText } from './meta-schema.js';
import type { JsonSchemaSource } from './node.js';
import { fragmentOf, isUri, resolveUri, withoutFragment } from './uri.js';

/** A schema text and the texts it refers to, each read and known under the name it is reached by. */
export interface SchemaDocument {
  readonly root: JsonNode;
  readonly source: JsonSchemaSource;
  /** URI that relative references are resolved against at the root; null when nothing names it. */
  readonly base: string | null;
}

/** A place in a document: a JSON value that should be a schema. */
export interface SchemaPlace {
  readonly json: JsonNode;
  readonly document: SchemaDocument;
  /** Base URI there, ids on the way taken into account. */
  readonly base: string | null;
  /** Equal for equal ways of reaching it. */
  readonly key: string;
}

/** Where references lead. Nothing is ever fetched: what is neither in the text nor registered nor bundled is unresolved. */
export class SchemaDocuments {
  readonly main: SchemaDocument;
  readonly draft: Draft;
  readonly #registered = new Map<string, SchemaDocument>();
  readonly #metaSchemas = new Map<Draft, SchemaDocument>();
  readonly #ids = new Map<SchemaDocument, Map<string, SchemaPlace>>();

  /** @param strict whether URIs and anchors must be such; stored text was held to what held then, and must stay readable. */
  constructor(
    text: string,
    references: readonly ResolvedReference[],
    limits: SchemaLimits,
    readonly strict = false,
  ) {
    const source = { text, reference: null };
    const root = readJson(source, limits);
    checkRoot(root, source);
    this.draft = draftOf(root);
    const base = this.#idOf(root, source) ?? null;
    this.main = { root, source, base: base === '' ? null : base };
    let length = text.length;
    for (const { name, schemaType, text: referenced } of references) {
      const uri = this.#nameUri(resolveUri(this.main.base, name));
      if (this.#registered.has(uri)) continue;
      if (this.#registered.size >= limits.references) {
        throw schemaTooLarge('references', limits.references, references.length);
      }
      length += referenced.length;
      if (length > limits.resolvedTextLength)
        throw schemaTooLarge('resolvedTextLength', limits.resolvedTextLength, length);
      if (schemaType !== 'JSON') throw schemaInvalid('JSON', `Reference '${name}' is of type ${schemaType}`);
      const theirs = { text: referenced, reference: name };
      const theirRoot = readJson(theirs, limits);
      this.#registered.set(uri, { root: theirRoot, source: theirs, base: uri });
    }
    if (strict && this.modern) this.#checkIds();
  }

  /** The schema's own text and those it refers to. */
  get texts(): readonly string[] {
    return [this.main, ...this.#registered.values()].map((document) => document.source.text);
  }

  get modern(): boolean {
    return isModern(this.draft);
  }

  /** The place a `$ref` written in `from` leads to; undefined where nothing is known. */
  resolve(
    reference: string,
    from: { readonly document: SchemaDocument; readonly base: string | null },
  ): SchemaPlace | undefined {
    if (reference === '') return undefined;
    const { document } = from;
    const absolute = resolveUri(from.base, reference);
    const byId = this.#idsOf(document).get(absolute) ?? this.#idsOf(document).get(reference);
    if (byId !== undefined) return byId;
    if (reference.startsWith('#')) return this.#inside(this.#resource(document, from.base), fragmentOf(reference));
    for (const uri of new Set([absolute, resolveUri(document.base, reference), reference])) {
      const address = this.#nameUri(withoutFragment(uri));
      // A reference can be named with the empty fragment it is written with.
      const resource = this.#registered.get(address) ?? this.#registered.get(this.#nameUri(uri));
      if (resource !== undefined) return this.#inside(placeOf(resource), fragmentOf(uri));
      const local = this.#idsOf(document).get(address);
      if (local !== undefined) return this.#inside(local, fragmentOf(uri));
      if (address !== '' && document.base !== null && address === withoutFragment(document.base))
        return this.#inside(placeOf(document), fragmentOf(uri));
    }
    const draft = metaSchemaDraft(withoutFragment(absolute));
    return draft && this.#inside(placeOf(this.#metaSchema(draft)), fragmentOf(absolute));
  }

  /** The schema of a draft's schemas, which comes with every document. */
  #metaSchema(draft: Draft): SchemaDocument {
    let document = this.#metaSchemas.get(draft);
    if (document === undefined) {
      const { address, text } = metaSchemaText(draft, this.draft);
      const source = { text, reference: address };
      document = { root: parseLossless(text, { maxDepth: META_SCHEMA_DEPTH }), source, base: address };
      this.#metaSchemas.set(draft, document);
    }
    return document;
  }

  /** Base URI inside a schema object that may carry an id of its own. */
  baseWithin(json: JsonMembers, base: string | null): string | null {
    const id = json.members.get(idKeyword(this.draft));
    return id?.kind === 'string' && id.value !== '' && isUri(id.value) ? resolveUri(base, id.value) : base;
  }

  /** The schema that `#` means at this base: in the modern drafts the nearest one with an id. */
  #resource(document: SchemaDocument, base: string | null): SchemaPlace {
    const named = this.modern && base !== null ? this.#idsOf(document).get(withoutFragment(base)) : undefined;
    return named ?? placeOf(document);
  }

  #inside(place: SchemaPlace, fragment: string): SchemaPlace | undefined {
    const key = `${place.key}#${fragment}`;
    if (fragment === '') return { ...place, key };
    if (!fragment.startsWith('/')) {
      const { document } = place;
      const anchored = this.#idsOf(document).get(`#${fragment}`);
      if (anchored !== undefined) return anchored;
      // The classic loader takes a fragment that is no pointer for the whole document.
      return this.modern ? undefined : { ...place, key };
    }
    let { json, base } = place;
    // The classic loader does not see slashes at the end.
    const pointer = this.modern ? fragment : fragment.replace(/\/+$/, '');
    const tokens = pointer === '' ? [] : pointer.slice(1).split('/').map(unescapeToken);
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      if (json.kind === 'object') {
        base = this.baseWithin(json, base);
        const next = json.members.get(token) ?? (i === 0 ? aliasOf(json, token, tokens[1]) : undefined);
        if (next === undefined) return undefined;
        json = i === 0 && token === '$defs' ? defsWith(json, next, tokens[1]) : next;
      } else if (json.kind === 'array') {
        const next: JsonNode | undefined = /^[0-9]{1,9}$/.test(token) ? json.items[Number(token)] : undefined;
        if (next === undefined) return undefined;
        json = next;
      } else {
        return undefined;
      }
    }
    return { json, document: place.document, base, key };
  }

  /** Every id and anchor of a document, absolute and as written. Looked for wherever an object stands, as the reference does. */
  #idsOf(document: SchemaDocument): ReadonlyMap<string, SchemaPlace> {
    const known = this.#ids.get(document);
    if (known !== undefined) return known;
    const ids = new Map<string, SchemaPlace>();
    this.#ids.set(document, ids);
    const add = (id: string, json: JsonNode, base: string | null): void => {
      if (!ids.has(id)) ids.set(id, { json, document, base, key: `${document.source.reference ?? ''}!${id}` });
    };
    const visit = (json: JsonNode, outer: string | null): void => {
      if (json.kind === 'array') json.items.forEach((item) => visit(item, outer));
      if (json.kind !== 'object') return;
      let base = outer;
      const id = json.members.get(idKeyword(this.draft));
      if (id?.kind === 'string' && id.value !== '' && json !== document.root) {
        base = resolveUri(outer, id.value);
        add(base, json, base);
        add(id.value, json, base);
      }
      for (const keyword of this.modern ? ['$anchor', '$dynamicAnchor'] : []) {
        const anchor = json.members.get(keyword);
        if (anchor?.kind !== 'string') continue;
        add(`#${anchor.value}`, json, base);
        if (base !== null) add(`${withoutFragment(base)}#${anchor.value}`, json, base);
      }
      for (const value of json.members.values()) visit(value, base);
    };
    visit(document.root, document.base);
    return ids;
  }

  /**
   * The modern loader of the reference registers every id and anchor, wherever an object stands outside constants, and takes none twice. The copies that it
   * makes of `definitions` are no fault of a schema, so they do not count here.
   */
  #checkIds(): void {
    const { root, source } = this.main;
    const taken = new Set<string>([withoutFragment(this.main.base ?? '')]);
    const take = (uri: string, keyword: string, at: number): void => {
      if (taken.has(uri)) this.#fail(`'${keyword}' names something that has a name already`, source, at);
      taken.add(uri);
    };
    const visit = (json: JsonNode, outer: string | null): void => {
      if (json.kind === 'array') json.items.forEach((item) => visit(item, outer));
      if (json.kind !== 'object') return;
      let base = outer;
      const id = json.members.get('$id');
      if (id?.kind === 'string' && json !== root) {
        if (!isUri(id.value)) this.#fail("'$id' must be a URI", source, id.at);
        base = resolveUri(outer, id.value);
        take(base, '$id', id.at);
      }
      const anchors = ['$anchor', '$dynamicAnchor'].flatMap((keyword) => {
        const anchor = json.members.get(keyword);
        return anchor?.kind === 'string' ? [{ keyword, anchor }] : [];
      });
      for (const { keyword, anchor } of anchors) {
        const uri = withoutFragment(base ?? '') + (anchor.value === '' ? '' : `#${anchor.value}`);
        if (!isUri(uri)) this.#fail(`'${keyword}' must be a URI fragment`, source, anchor.at);
        // Dynamic anchors are there to be given more than once.
        if (anchor.value === '' ? json !== root : keyword === '$anchor') take(uri, keyword, anchor.at);
      }
      for (const [name, value] of json.members) if (name !== 'const' && name !== 'enum') visit(value, base);
    };
    visit(root, this.main.base);
  }

  #idOf(root: JsonNode, source: JsonSchemaSource): string | undefined {
    const id = root.kind === 'object' ? root.members.get(idKeyword(this.draft)) : undefined;
    if (id?.kind !== 'string') return undefined;
    if (!isUri(id.value)) this.#fail(`'${id.value.slice(0, 100)}' is not a URI`, source, id.at);
    return id.value;
  }

  #fail(reason: string, source: JsonSchemaSource, at: number): never {
    throw schemaInvalid('JSON', reason, { position: positionAt(source.text, at) });
  }

  /** The modern loader takes `./name` and `name` for the same. */
  #nameUri(uri: string): string {
    return this.modern ? uri.replace(/^(?:\.\/)+/, '') : uri;
  }
}

/** Nothing in our own text nests that deep. */
const META_SCHEMA_DEPTH = 32;

function placeOf(document: SchemaDocument): SchemaPlace {
  return { json: document.root, document, base: document.base, key: document.source.reference ?? '' };
}

/** `definitions` can be reached as `$defs` at the root of a document. */
function aliasOf(root: JsonMembers, token: string, name: string | undefined): JsonNode | undefined {
  if (token !== '$defs') return undefined;
  const definitions = root.members.get('definitions');
  return definitions?.kind === 'object' && (name === undefined || definitions.members.has(name))
    ? definitions
    : undefined;
}

/** `$defs` where it has the name, else `definitions` where that has it. */
function defsWith(root: JsonMembers, defs: JsonNode, name: string | undefined): JsonNode {
  if (name === undefined || (defs.kind === 'object' && defs.members.has(name))) return defs;
  return aliasOf(root, '$defs', name) ?? defs;
}

function unescapeToken(token: string): string {
  let text = token;
  try {
    text = decodeURIComponent(token);
  } catch {
    // Not an escape after all.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~');
}

function readJson(source: JsonSchemaSource, limits: SchemaLimits): JsonNode {
  if (source.text.length > limits.textLength) throw schemaTooLarge('textLength', limits.textLength, source.text.length);
  try {
    return parseLossless(source.text, { maxDepth: limits.depth, trailing: 'anything', nonFinite: true });
  } catch (error) {
    if (error instanceof JsonDepthError) throw schemaTooLarge('depth', error.limit, error.limit + 1);
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { reference } = source;
    throw schemaInvalid('JSON', `The text is not JSON: ${error.reason}`, {
      position: error.position,
      ...(reference === null ? {} : { reference }),
    });
  }
}

function checkRoot(root: JsonNode, source: JsonSchemaSource): void {
  if (root.kind !== 'object' && root.kind !== 'boolean') {
    throw schemaInvalid('JSON', 'A JSON Schema is an object or a boolean', {
      position: positionAt(source.text, root.at),
    });
  }
  const schema = root.kind === 'object' ? root.members.get('$schema') : undefined;
  if (schema !== undefined && schema.kind !== 'string') {
    throw schemaInvalid('JSON', '$schema must be a string', { position: positionAt(source.text, schema.at) });
  }
}
