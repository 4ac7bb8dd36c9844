import {
  compatibilityLevel,
  LEVELS,
  type CompatibilityLevel,
  resolvedReferences,
  type ResolvedReference,
  type SchemaReference,
  type SchemaSource,
} from '#libs/core/schema';
import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import type { ProjectSchema } from '../project/project.js';
import type { OutsideSchema } from '../project/schema-set.js';
import type { Baseline } from './baseline.js';
import type { EarlierSchema } from './judge.js';

interface WireVersion {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly SchemaReference[];
}

/** Versions a check looks back over. */
const MOST_VERSIONS = 1_000;

/** A registry that speaks the Confluent API, Weir or another, as what schemas are held against. Reads only. */
export class RegistryBaseline implements Baseline {
  readonly laidOut = false;
  readonly subjects: ReadonlyMap<string, string> = new Map();
  readonly label: string;
  readonly #versions = new Map<string, Promise<WireVersion | undefined>>();
  readonly #levels = new Map<string, Promise<{ readonly value: CompatibilityLevel; readonly origin: string }>>();
  /** The level of subjects that have none of their own: asked once. */
  #all: Promise<CompatibilityLevel> | undefined;

  constructor(
    private readonly client: Client,
    private readonly levelOf: (schema: ProjectSchema) => CompatibilityLevel | undefined,
  ) {
    this.label = client.address;
  }

  async earlier(schema: ProjectSchema): Promise<readonly EarlierSchema[]> {
    const { subject } = schema;
    const numbers = (await this.#find<number[]>(`/subjects/${encodeURIComponent(subject)}/versions`)) ?? [];
    if (numbers.length === 0) return [];
    const level = this.levelOf(schema) ?? (await this.level(subject)).value;
    const asked = LEVELS[level].against === 'all' ? numbers.slice(-MOST_VERSIONS).reverse() : numbers.slice(-1);
    const found: EarlierSchema[] = [];
    for (const number of asked) {
      const version = await this.#version(subject, number);
      if (version !== undefined) found.push({ version: version.version, source: await this.#source(version) });
    }
    return found;
  }

  /** The level in force for a subject: one request for each subject, and one for all that have none of their own. */
  level(subject: string): Promise<{ readonly value: CompatibilityLevel; readonly origin: string }> {
    let asked = this.#levels.get(subject);
    if (asked === undefined) this.#levels.set(subject, (asked = this.#levelOf(subject)));
    return asked;
  }

  async #levelOf(subject: string): Promise<{ readonly value: CompatibilityLevel; readonly origin: string }> {
    const own = await this.#find<{ compatibilityLevel?: string }>(`/config/${encodeURIComponent(subject)}`);
    if (own?.compatibilityLevel !== undefined)
      return { value: compatibilityLevel(own.compatibilityLevel), origin: `${this.label} (subject)` };
    this.#all ??= this.client
      .get<{ compatibilityLevel: string }>('/config')
      .then((all) => compatibilityLevel(all.compatibilityLevel));
    return { value: await this.#all, origin: `${this.label} (global)` };
  }

  /** A schema that the project refers to and does not have. */
  async outside(subject: string, version: number | undefined): Promise<OutsideSchema | undefined> {
    const found = await this.#version(subject, version ?? 'latest');
    return found === undefined
      ? undefined
      : {
          schemaType: found.schemaType ?? 'AVRO',
          text: found.schema,
          version: found.version,
          references: found.references ?? [],
        };
  }

  #version(subject: string, version: number | 'latest'): Promise<WireVersion | undefined> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`;
    let asked = this.#versions.get(path);
    // What is referred to may have been deleted softly since.
    if (asked === undefined)
      this.#versions.set(path, (asked = this.#find<WireVersion>(path, version === 'latest' ? {} : { deleted: true })));
    return asked;
  }

  /**
   * Undefined for what a registry says it has not. Any other "not found" is no answer of a registry: taken for one, every subject would be new and every check would pass.
   * @throws Failure for that.
   */
  async #find<T>(path: string, query: Readonly<Record<string, boolean>> = {}): Promise<T | undefined> {
    const { status, headers, body } = await this.client.call('GET', path, { query });
    const said = jsonIn(body);
    if (status === 404) {
      const { error_code: code } = (said ?? {}) as { error_code?: unknown };
      if (typeof code === 'number' && code >= 40_400 && code < 40_500) return undefined;
      throw new Failure({
        code: 'no-registry',
        exit: 'unreachable',
        message: `${this.client.address} answered GET ${path} as no schema registry does (404 without a code of one).`,
        hint: 'Is the path of the address right? Some registries are below one, as http://registry:8080/apis/ccompat/v7.',
      });
    }
    if (status >= 400) throw this.client.refused('GET', path, { status, headers, body });
    if (said === undefined)
      throw new Failure({
        code: 'answer-not-json',
        exit: 'unreachable',
        message: `${this.client.address} answered GET ${path} with something that is not JSON.`,
        hint: 'Is there a schema registry at this address, or a proxy in between?',
      });
    return said as T;
  }

  async #source(version: WireVersion): Promise<SchemaSource> {
    const found = new Map<string, ResolvedReference>();
    await this.#collect(version.references ?? [], found);
    return {
      schemaType: version.schemaType ?? 'AVRO',
      text: version.schema,
      references: resolvedReferences(found, version.references ?? []),
      referencesKey: found.size === 0 ? '' : JSON.stringify(version.references),
    };
  }

  async #collect(references: readonly SchemaReference[], found: Map<string, ResolvedReference>): Promise<void> {
    for (const { name, subject, version } of references) {
      if (found.has(name)) continue;
      const target = await this.#version(subject, version);
      if (target === undefined) continue;
      await this.#collect(target.references ?? [], found);
      if (!found.has(name))
        found.set(name, {
          name,
          schemaType: (target.schemaType ?? 'AVRO') as ResolvedReference['schemaType'],
          text: target.schema,
          references: target.references ?? [],
        });
    }
  }
}

function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
