import type { Client } from './client.js';

/** What answers at an address. */
export interface ServiceVersion {
  /** Version of the service; null for a registry that is no Weir, or one that does not tell. */
  readonly version: string | null;
  /** Version of the Confluent API that it speaks, as it says; null where it does not. */
  readonly registryApi: string | null;
}

/** The beginning of the description of the interface, which has the version. */
const HEAD_CHARS = 4_096;

/** @throws Failure when nothing answers, or the caller is not known. */
export async function serviceVersion(client: Client): Promise<ServiceVersion> {
  const told = await client.find<{ version?: string }>('/v1/metadata/version');
  return { version: await ownVersion(client), registryApi: told?.version ?? null };
}

/** The description is long, and only its beginning is read. */
async function ownVersion(client: Client): Promise<string | null> {
  const response = await client.open('GET', '/openapi.json');
  let head = '';
  try {
    if (response.statusCode !== 200) return null;
    for await (const chunk of response) {
      head += (chunk as Buffer).toString('utf8');
      if (head.length >= HEAD_CHARS) break;
    }
  } finally {
    response.destroy();
  }
  return /"title":\s*"Weir"[\s\S]*?"version":\s*"([^"]+)"/.exec(head.slice(0, HEAD_CHARS))?.[1] ?? null;
}
