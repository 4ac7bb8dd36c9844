import type { Client } from '../http/client.js';

/** A version as registries that speak the Confluent API list it. */
interface ListedVersion {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly object[];
}

/** Versions asked for at once. */
const PAGE = 500;

/**
 * Everything that a registry tells over the Confluent API, as lines of a dump of its topic: versions with their ids, softly deleted ones too, levels and modes. Read while it may be
 * written: the service looks at what came before it takes anything in.
 */
export async function dumpOf(source: Client): Promise<string> {
  const all = await versionsOf(source, true);
  const present = new Set((await versionsOf(source, false)).map(nameOf));
  const lines = all.map(({ subject, version, id, schema, schemaType, references }) =>
    line(
      { keytype: 'SCHEMA', subject, version, magic: 1 },
      {
        subject,
        version,
        id,
        ...(schemaType === undefined || schemaType === 'AVRO' ? {} : { schemaType }),
        ...(references === undefined || references.length === 0 ? {} : { references }),
        schema,
        deleted: !present.has(nameOf({ subject, version })),
      },
    ),
  );
  for (const subject of [null, ...new Set(all.map((one) => one.subject))]) {
    const below = subject === null ? '' : `/${encodeURIComponent(subject)}`;
    const config = await source.find<{ compatibilityLevel?: string }>(`/config${below}`);
    if (config?.compatibilityLevel !== undefined)
      lines.push(
        line({ keytype: 'CONFIG', subject, magic: 0 }, { subject, compatibilityLevel: config.compatibilityLevel }),
      );
    const mode = await source.find<{ mode?: string }>(`/mode${below}`);
    if (mode?.mode !== undefined)
      lines.push(line({ keytype: 'MODE', subject, magic: 0 }, { subject, mode: mode.mode }));
  }
  return lines.map((one) => `${one}\n`).join('');
}

async function versionsOf(source: Client, deleted: boolean): Promise<readonly ListedVersion[]> {
  const found = new Map<string, ListedVersion>();
  for (let offset = 0; ; offset += PAGE) {
    const page = await source.get<ListedVersion[]>('/schemas', {
      deleted,
      latestOnly: false,
      subjectPrefix: ':*:',
      offset,
      limit: PAGE,
    });
    const before = found.size;
    for (const one of page) found.set(nameOf(one), one);
    // Also of a registry that knows no pages and tells everything each time.
    if (page.length < PAGE || found.size === before) return [...found.values()];
  }
}

function nameOf({ subject, version }: Pick<ListedVersion, 'subject' | 'version'>): string {
  return `${subject}@${version}`;
}

function line(key: object, value: object): string {
  return `${JSON.stringify(key)}\t${JSON.stringify(value)}`;
}
