import { standardFormats } from '#libs/core/schema';
import type { ProjectFile, ProjectTopic } from '../project/project-file.js';
import type { ProjectSchema } from '../project/project.js';
import { SchemaSet } from '../project/schema-set.js';
import { retentionMs } from '../project/topics.js';
import { firstTypeOf } from '../project/type-names.js';

/** What a policy sees of a topic. */
export interface TopicFacts {
  readonly name: string;
  readonly partitions: number;
  /** Null where the project says nothing of it; -1 for unlimited. */
  readonly retentionMs: number | null;
  readonly protect: boolean;
  readonly tags: readonly string[];
  /** Values are text, as the service has them. */
  readonly config: Readonly<Record<string, string>>;
}

/** What a policy sees of a schema. */
export interface SchemaFacts {
  readonly subject: string;
  readonly file: string;
  readonly type: string;
  /** Null where the project states none. */
  readonly compatibility: string | null;
  readonly references: readonly string[];
  readonly metadata: { readonly properties: object; readonly tags: object };
  /** Of the first type that it declares; empty where none shows. */
  readonly name: string;
  readonly fullName: string;
  /** Field names from the root down, joined by dots; empty for a text that cannot be read. */
  readonly fields: readonly string[];
  readonly text: string;
}

/** A topic that says nothing. */
export const PLAIN_TOPIC: TopicFacts = {
  name: '',
  partitions: 1,
  retentionMs: null,
  protect: false,
  tags: [],
  config: {},
};

/** A schema that says nothing. */
export const PLAIN_SCHEMA: SchemaFacts = {
  subject: '',
  file: '',
  type: 'AVRO',
  compatibility: null,
  references: [],
  metadata: { properties: {}, tags: {} },
  name: '',
  fullName: '',
  fields: [],
  text: '',
};

export function topicFacts({ name, partitions, retention, protect, tags, config = {} }: ProjectTopic): TopicFacts {
  const settings = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)]));
  const kept = retention === undefined ? settings['retention.ms'] : retentionMs(retention);
  return {
    name,
    partitions: partitions ?? PLAIN_TOPIC.partitions,
    retentionMs: kept === undefined || !/^-?\d+$/.test(kept) ? null : Number(kept),
    protect: protect ?? PLAIN_TOPIC.protect,
    tags: tags ?? [],
    config: kept === undefined ? settings : { ...settings, 'retention.ms': kept },
  };
}

/** Facts of schemas that may refer to one another. */
export class SchemasSeen {
  readonly #formats = standardFormats();
  readonly #set: SchemaSet;

  constructor(all: readonly ProjectSchema[]) {
    this.#set = new SchemaSet(all);
  }

  async factsOf(schema: ProjectSchema): Promise<SchemaFacts> {
    const { subject, file, schemaType, level, metadata, text } = schema;
    const type = firstTypeOf(text, schemaType);
    return {
      subject,
      file,
      type: schemaType,
      compatibility: level?.value ?? null,
      references: this.#referencesOf(schema),
      metadata: { properties: metadata?.properties ?? {}, tags: metadata?.tags ?? {} },
      name: type?.name ?? '',
      fullName: type?.fullName ?? '',
      fields: await this.#fieldsOf(schema),
      text,
    };
  }

  #referencesOf(schema: ProjectSchema): readonly string[] {
    try {
      return this.#set.referencesOf(schema).map(({ subject }) => subject);
    } catch {
      // That they cannot be named is for the check of schemas to say.
      return schema.references.map(({ subject }) => subject);
    }
  }

  async #fieldsOf(schema: ProjectSchema): Promise<readonly string[]> {
    try {
      const { text, references } = await this.#set.source(schema);
      const { fields } = this.#formats.get(schema.schemaType).parse(text, { references, validate: false }).outline();
      return fields.map((path) => path.join('.'));
    } catch {
      // That it cannot be read is for the check of schemas to say.
      return [];
    }
  }
}

/** What a policy sees of the project. */
export function projectFacts(file: ProjectFile | undefined): object {
  return { owner: file?.owner ?? '' };
}
