import { createHash } from 'node:crypto';
import type { ResolvedReference, SchemaReference, SchemaSource } from '#libs/core/schema';
import type { GivenReference, ProjectSchema } from './project.js';
import { firstTypeOf, outwardNames, typesMeant } from './type-names.js';

/** A schema from outside the project that one of it refers to. */
export interface OutsideSchema {
  readonly schemaType: string;
  readonly text: string;
  readonly version: number;
  readonly references: readonly SchemaReference[];
}

/** Where schemas outside the project come from; undefined for what is not known there. */
export type Outside = (subject: string, version: number | undefined) => Promise<OutsideSchema | undefined>;

/** A reference of a schema with what it is called. */
export interface NamedReference {
  readonly name: string;
  readonly subject: string;
  /** Undefined: of this project, or the latest there is. */
  readonly version: number | undefined;
}

/** A reference leads nowhere, or back to where it began. */
export class ReferenceTrouble extends Error {
  constructor(
    readonly rule: 'project/reference-not-found' | 'project/reference-circle' | 'project/reference-unnamed',
    message: string,
    readonly help: string,
  ) {
    super(message);
    this.name = 'ReferenceTrouble';
  }
}

/** The version that stands for "this project's" inside one process. */
const PROJECT_VERSION = 1;
const MOST_DEEP = 32;

/** Schemas that may refer to one another by subject, with what they are together. */
export class SchemaSet {
  readonly #bySubject: ReadonlyMap<string, ProjectSchema>;
  readonly #byCalledName: ReadonlyMap<string, ProjectSchema>;

  constructor(
    readonly schemas: readonly ProjectSchema[],
    private readonly outside: Outside = async () => undefined,
  ) {
    this.#bySubject = new Map(schemas.map((schema) => [schema.subject, schema]));
    this.#byCalledName = new Map(
      schemas.flatMap((schema) => calledNames(schema).map((name) => [name, schema] as const)),
    );
  }

  get(subject: string): ProjectSchema | undefined {
    return this.#bySubject.get(subject);
  }

  /** The references of a schema: those that are given, and those its text shows. @throws ReferenceTrouble for one that cannot be named. */
  referencesOf(schema: ProjectSchema): readonly NamedReference[] {
    const given = schema.references.map((reference) => this.#named(schema, reference));
    const known = new Set(given.map(({ name }) => name));
    const shown = outwardNames(schema.text, schema.schemaType)
      .filter((name) => !known.has(name))
      .flatMap((name) => {
        const target = this.#called(name, schema);
        return target === undefined ? [] : [{ name, subject: target.subject, version: undefined }];
      });
    return [...given, ...shown, ...this.#meant(schema, given)];
  }

  /** What an Avro schema uses of the project without saying so, less what comes along with the references that it gives. */
  #meant(schema: ProjectSchema, given: readonly NamedReference[]): readonly NamedReference[] {
    const used = this.#used(schema);
    if (used.length === 0 || given.length === 0) return used;
    const reached = new Set<string>();
    const waiting = [...given];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (reached.has(next.name)) continue;
      reached.add(next.name);
      const own = next.version === undefined ? this.#bySubject.get(next.subject) : undefined;
      if (own === undefined) continue;
      waiting.push(...own.references.map((reference) => this.#named(own, reference)), ...this.#used(own));
    }
    return used.filter(({ name }) => !reached.has(name));
  }

  /** The types of other Avro schemas of the project that one uses. */
  #used(schema: ProjectSchema): readonly NamedReference[] {
    if (schema.schemaType !== 'AVRO') return [];
    return typesMeant(schema.text).flatMap((names) => {
      const name = names.find((one) => this.#byCalledName.get(one)?.schemaType === 'AVRO');
      const target = name === undefined ? undefined : this.#byCalledName.get(name);
      if (name === undefined || target === undefined || target === schema) return [];
      return [{ name, subject: target.subject, version: undefined }];
    });
  }

  /** The schema with everything it refers to. @throws ReferenceTrouble. */
  async source(schema: ProjectSchema): Promise<SchemaSource> {
    const found = new Map<string, ResolvedReference>();
    for (const reference of this.referencesOf(schema)) await this.#collect(reference, found, [schema.subject]);
    const references = [...found.values()];
    const referencesKey =
      references.length === 0 ? '' : createHash('sha256').update(JSON.stringify(references)).digest('base64');
    return { schemaType: schema.schemaType, text: schema.text, references, referencesKey };
  }

  async #collect(
    reference: NamedReference,
    found: Map<string, ResolvedReference>,
    above: readonly string[],
  ): Promise<void> {
    const { name, subject, version } = reference;
    if (above.includes(subject)) {
      throw new ReferenceTrouble(
        'project/reference-circle',
        `References go in a circle: ${[...above.slice(above.indexOf(subject)), subject].join(' → ')}.`,
        'Take one of the references out.',
      );
    }
    if (above.length > MOST_DEEP)
      throw new ReferenceTrouble(
        'project/reference-circle',
        `References go more than ${MOST_DEEP} deep.`,
        'Let schemas refer to what they need directly.',
      );
    const own = version === undefined ? this.#bySubject.get(subject) : undefined;
    if (own !== undefined) {
      const inner = this.referencesOf(own);
      for (const one of inner) await this.#collect(one, found, [...above, subject]);
      if (!found.has(name)) {
        found.set(name, {
          name,
          schemaType: own.schemaType,
          text: own.text,
          references: inner.map(({ name: called, subject: of }) => ({
            name: called,
            subject: of,
            version: PROJECT_VERSION,
          })),
        });
      }
      return;
    }
    const there = await this.outside(subject, version);
    if (there === undefined) {
      throw new ReferenceTrouble(
        'project/reference-not-found',
        `The reference '${name}' is to '${subject}'${version === undefined ? '' : ` version ${version}`}, which is not in the project.`,
        'Add its file to the project, or compare with the registry that has it (--against registry).',
      );
    }
    for (const one of there.references) await this.#collect(one, found, [...above, subject]);
    if (!found.has(name))
      found.set(name, {
        name,
        schemaType: there.schemaType as ResolvedReference['schemaType'],
        text: there.text,
        references: there.references,
      });
  }

  #named(schema: ProjectSchema, { name, subject, version }: GivenReference): NamedReference {
    if (name !== undefined) return { name, subject, version };
    const target = this.#bySubject.get(subject);
    if (target === undefined) {
      throw new ReferenceTrouble(
        'project/reference-unnamed',
        `What '${schema.subject}' calls its reference to '${subject}' is not known, since '${subject}' is not in the project.`,
        `Say it: { subject: ${subject}, name: … }.`,
      );
    }
    const names = calledNames(target);
    const used = outwardNames(schema.text, schema.schemaType).find(
      (one) => names.includes(one) || this.#called(one, schema) === target,
    );
    const called = used ?? names[0];
    if (called === undefined) {
      throw new ReferenceTrouble(
        'project/reference-unnamed',
        `'${target.file}' declares no type to refer to it by.`,
        `Say it: { subject: ${subject}, name: … }.`,
      );
    }
    return { name: called, subject, version };
  }

  /** The schema of the project that a text means by a name. */
  #called(name: string, from: ProjectSchema): ProjectSchema | undefined {
    const exact = this.#byCalledName.get(name);
    if (exact !== undefined && exact !== from) return exact;
    // Import paths begin at a folder that only the compiler's call names: the end of the path tells.
    const plain = name.replace(/^\.\//, '');
    return this.schemas.find(
      (one) =>
        one !== from && one.schemaType === from.schemaType && (one.file === plain || one.file.endsWith(`/${plain}`)),
    );
  }
}

function calledNames(schema: ProjectSchema): readonly string[] {
  if (schema.schemaType === 'PROTOBUF') return [];
  const type = firstTypeOf(schema.text, schema.schemaType);
  return type === undefined ? [] : [type.fullName];
}
