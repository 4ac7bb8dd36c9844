import type { OperationView } from '#libs/features/operations';
import { ServiceCalls } from '../../apps/server/testing/service-calls.js';

/** Longest that an import of these tests takes. */
const IMPORT_MS = 110_000;

/** Lines of a registry's file that the Confluent API tells of, too. */
export function told(file: string): string[] {
  return file.split('\n').filter((line) => /"kind":"(version|config|mode|association)"/.test(line));
}

/** The highest id that the default context gave out. */
export function highestId(file: string): number {
  return Number(/"context":"\.","lastId":(\d+)/.exec(file)![1]);
}

/** Plans and starts. @returns the id of the operation. */
export function begunImport({ operations }: ServiceCalls, request: unknown): Promise<string> {
  return operations.begin('/v1/registry-imports/plans', request);
}

/** Waits until an import needs somebody or is over. */
export function settledImport({ operations }: ServiceCalls, id: string): Promise<OperationView> {
  return operations.settled(id, IMPORT_MS);
}

const record = (name: string, field: string) =>
  JSON.stringify({ type: 'record', name, fields: [{ name: field, type: 'int', default: 0, doc: 'd'.repeat(200) }] });

/**
 * Records of a registry's topic: as many schemas as asked for, ten versions to a subject, every tenth referring to the subject before it, some deleted, two contexts.
 */
function topicOf(schemas: number): string {
  const lines: string[] = [];
  const put = (key: object, value: object | null) => lines.push(`${JSON.stringify(key)}\t${JSON.stringify(value)}`);
  for (let n = 0; n < schemas; n++) {
    const place = Math.floor(n / 10);
    const context = place % 10 === 9 ? ':.other:' : '';
    const subject = `${context}subject-${String(place).padStart(4, '0')}`;
    const version = (n % 10) + 1;
    const refers = version === 10 && context === '' && place % 10 !== 0;
    const before = `subject-${String(place - 1).padStart(4, '0')}`;
    put(
      { keytype: 'SCHEMA', subject, version, magic: 1 },
      {
        subject,
        version,
        id: n + 1,
        schema: refers ? '{"type":"array","items":"R"}' : record('R', `f${n}`),
        ...(refers
          ? { references: [{ name: 'R', subject: before, version: 1 }], metadata: { properties: { n: `${n}` } } }
          : {}),
        deleted: n % 50 === 33,
      },
    );
    if (n % 40 === 0) put({ keytype: 'CONFIG', subject, magic: 0 }, { subject, compatibilityLevel: 'FULL' });
    if (n % 110 === 0) put({ keytype: 'MODE', subject, magic: 0 }, { subject, mode: 'READONLY' });
  }
  return lines.join('\n');
}

/** A service with the registry of {@link topicOf}, imported. */
export async function filled(url: string, schemas: number): Promise<ServiceCalls> {
  const service = new ServiceCalls(() => url);
  const upload = await service.moves.uploaded(topicOf(schemas));
  const operation = await settledImport(service, await begunImport(service, { source: { upload } }));
  if (operation.state !== 'FINISHED') throw new Error(JSON.stringify(operation));
  return service;
}
