import { createHash } from 'node:crypto';
import { AppError, isJsonObject, stableJson, type JsonObject, type JsonValue } from '#libs/core/kernel';
import {
  contractValues,
  REGISTRATION_POLICIES,
  REGISTRY_MODES,
  subjectText,
  type Association,
  type RegistryConfig,
} from '#libs/core/registry';
import type { MovedEntry, MovedKind } from './entry.js';
import {
  associationFrom,
  configFrom,
  entryInvalid,
  modeFrom,
  scopeFrom,
  subjectFrom,
  versionFrom,
} from './read-entry.js';

/**
 * A registry as one file: lines of JSON. The first says what it is and how many entries follow, each entry has a line, the last has the number of lines before it and
 * their checksum. Members stand in a fixed order and are left out where they are null, empty or false, so that one state has one text.
 */
export const EXPORT_FORMAT = 'weir-registry';
const EXPORT_VERSION = 1;

export interface ExportHeader {
  readonly format: typeof EXPORT_FORMAT;
  readonly version: number;
  readonly counts: Readonly<Record<MovedKind, number>>;
}

/** Puts the lines of a file together, as bytes, and their checksum. */
export class ExportWriter {
  readonly #hash = createHash('sha256');
  #lines = 0;

  header(counts: ExportHeader['counts']): Uint8Array {
    return this.#line({ format: EXPORT_FORMAT, version: EXPORT_VERSION, counts });
  }

  entry(entry: MovedEntry): Uint8Array {
    return this.#line(printed(entry));
  }

  end(): Uint8Array {
    return Buffer.from(`${JSON.stringify({ kind: 'end', lines: this.#lines, sha256: this.#hash.digest('hex') })}\n`);
  }

  #line(value: object): Uint8Array {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    this.#hash.update(line);
    this.#lines++;
    return line;
  }
}

/** Reads the lines of a file, and tells at its end whether it is whole. */
export class ExportReader {
  readonly #hash = createHash('sha256');
  #lines = 0;
  #counts: Readonly<Record<string, unknown>> | undefined;
  readonly #read = new Map<string, number>();
  #ended = false;

  /** Whether this first line begins such a file. */
  static recognises(line: JsonValue): boolean {
    return isJsonObject(line) && line['format'] === EXPORT_FORMAT;
  }

  /**
   * @param bytes the line without its end. @param json what it stands for. @returns the entry, or undefined for the first and the last line.
   * @throws `import-format-unknown` for a version that is not known here, `import-damaged` where the end does not fit, `import-entry-invalid`.
   */
  line(bytes: Uint8Array, json: JsonValue): MovedEntry | undefined {
    if (this.#ended) throw damaged('something follows its last line');
    if (!isJsonObject(json)) throw damaged(`line ${this.#lines + 1} is no object`);
    if (json['kind'] === 'end') return this.#end(json);
    this.#hash.update(bytes).update('\n');
    this.#lines++;
    if (this.#counts === undefined) {
      if (json['version'] !== EXPORT_VERSION) throw formatUnknown(json['version']);
      this.#counts = isJsonObject(json['counts']) ? json['counts'] : {};
      return undefined;
    }
    const kind = String(json['kind']);
    this.#read.set(kind, (this.#read.get(kind) ?? 0) + 1);
    return read(json, `line ${this.#lines}`);
  }

  /** @throws `import-damaged` for a file that breaks off. */
  finish(): void {
    if (!this.#ended) throw damaged('its last line is missing');
  }

  #end(json: JsonObject): undefined {
    this.#ended = true;
    if (json['lines'] !== this.#lines)
      throw damaged(`it has ${this.#lines} lines where it says ${String(json['lines'])}`);
    if (json['sha256'] !== this.#hash.digest('hex')) throw damaged('its checksum differs');
    for (const [kind, count] of Object.entries(this.#counts ?? {})) {
      if ((this.#read.get(kind) ?? 0) !== count)
        throw damaged(`it does not hold as many lines of kind ${kind} as it says`);
    }
    return undefined;
  }
}

function printed(entry: MovedEntry): object {
  switch (entry.kind) {
    case 'context':
      return {
        kind: entry.kind,
        context: entry.context,
        lastId: entry.lastId,
        ...(entry.listed ? { listed: true } : {}),
      };
    case 'retired':
      return {
        kind: entry.kind,
        context: entry.context,
        id: entry.id,
        guid: entry.guid,
        schemaType: entry.schemaType,
      };
    case 'version': {
      const { content } = entry;
      return {
        kind: entry.kind,
        subject: subjectText(entry.subject),
        version: entry.version,
        id: entry.id,
        ...(entry.guid === null ? {} : { guid: entry.guid }),
        schemaType: content.schemaType,
        schema: content.text,
        ...(content.references.length === 0 ? {} : { references: content.references }),
        ...(content.metadata === null ? {} : { metadata: sorted(content.metadata) }),
        ...(content.ruleSet === null ? {} : { ruleSet: sorted(content.ruleSet) }),
        ...(entry.deleted ? { deleted: true } : {}),
        ...(entry.secondary ? { secondary: true } : {}),
        ...(entry.registeredAt === null ? {} : { ts: entry.registeredAt }),
      };
    }
    case 'association':
      return { kind: entry.kind, ...printedAssociation(entry.association) };
    case 'config':
      return { kind: entry.kind, scope: subjectText(entry.scope), config: sorted(namedLevel(entry.config)) };
    case 'mode':
      return { kind: entry.kind, scope: subjectText(entry.scope), mode: entry.mode };
    case 'registration':
      return { kind: entry.kind, scope: subjectText(entry.scope), policy: entry.policy };
  }
}

/** As answers of the API have it. */
function printedAssociation({ subject, frozen, createdAt, updatedAt, guid, ...rest }: Association): object {
  const { resourceName, resourceNamespace, resourceId, resourceType, associationType, lifecycle } = rest;
  return {
    subject: subjectText(subject),
    guid,
    resourceName,
    resourceNamespace,
    resourceId,
    resourceType,
    associationType,
    lifecycle,
    ...(frozen ? { frozen } : {}),
    createTs: createdAt,
    updateTs: updatedAt,
  };
}

/** The members of every object in the order of their names. */
function sorted(value: object): object {
  return JSON.parse(stableJson(value as JsonValue)) as object;
}

/** Settings with the level under the name that answers of the API have for it. */
export function namedLevel({ compatibility, ...rest }: RegistryConfig): object {
  return { ...rest, ...(compatibility === undefined ? {} : { compatibilityLevel: compatibility }) };
}

function read(json: JsonObject, what: string): MovedEntry {
  const kind = json['kind'] as MovedKind;
  switch (kind) {
    case 'context': {
      const { context, lastId } = json;
      if (!isContext(context) || !isCount(lastId)) throw entryInvalid(what, 'it is no context with its ids');
      return { kind, context, lastId, listed: json['listed'] === true };
    }
    case 'retired': {
      const { context, id, guid, schemaType } = json;
      const types = ['AVRO', 'JSON', 'PROTOBUF'] as const;
      const type = types.find((one) => one === schemaType);
      if (!isContext(context) || !isCount(id) || id < 1 || typeof guid !== 'string' || type === undefined) {
        throw entryInvalid(what, 'it is no retired id');
      }
      return { kind, context, id, guid, schemaType: type };
    }
    case 'version': {
      const subject = subjectFrom(json['subject'], what);
      const version = versionFrom(json, subject, Number(json['version']), what);
      return { ...version, secondary: contractValues.member(json, 'secondary') === true };
    }
    case 'association':
      return { kind, association: associationFrom(json, what) };
    case 'config':
      return { kind, scope: scopeFrom(json['scope'], what), config: configFrom(json['config'] ?? null, what) };
    case 'mode': {
      const scope = scopeFrom(json['scope'], what);
      if (!(REGISTRY_MODES as readonly unknown[]).includes(json['mode'])) throw entryInvalid(what, 'it is no mode');
      return { kind, scope, mode: modeFrom(json, scope, what) };
    }
    case 'registration': {
      const policy = REGISTRATION_POLICIES.find((one) => one === json['policy']);
      if (policy === undefined) throw entryInvalid(what, 'it is no registration policy');
      return { kind, scope: scopeFrom(json['scope'], what), policy };
    }
    default:
      throw entryInvalid(what, 'its kind is unknown');
  }
}

function isContext(value: unknown): value is string {
  return typeof value === 'string' && /^\.[^:]*$/.test(value) && value.length <= 1_000;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 2_147_483_647;
}

function formatUnknown(version: unknown): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'import-format-unknown',
    message: `The file has version ${String(version).slice(0, 20)} of the export format; ${EXPORT_VERSION} is known here.`,
    hint: 'Import it with the release that wrote it, or a later one.',
  });
}

/** A file that is not what was exported. */
export function damaged(why: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'import-damaged',
    message: `The file cannot be imported: ${why}.`,
    hint: 'Export it anew and send it whole.',
    details: { why },
  });
}
