import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckResultView, SchemaCheckView, StartedCheckView } from '#libs/features/registry';
import { runService, type RunningService } from './running-service.js';
import { ServiceCalls } from './service-calls.js';

const LIMIT = 3;
const VERSIONS = 12;

/** What a check says that would compare with more versions than one check may: on whatever database. @param env of the service's database. */
export function schemaChecksSuite(database: string, env: () => Readonly<Record<string, string>>): void {
  describe(`a check against more versions than one request may compare with, on ${database}`, () => {
    let running: RunningService;
    const { registry: calls, operations } = new ServiceCalls(() => running.url);
    beforeAll(async () => {
      running = await runService({ ...env(), WEIR_SCHEMAS_COMPARED_VERSIONS: String(LIMIT) });
    });
    afterAll(() => running.stop());

    let run = 0;
    /** Types differ, so that nothing is known without comparing. */
    const version = (n: number) => {
      const type = n === 2 ? 'string' : n % 2 === 0 ? 'int' : 'long';
      return JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'f', type, doc: String(n) }] });
    };
    const candidate = (doc: string) =>
      JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'f', type: 'double', doc }] });
    async function filled(): Promise<string> {
      const subject = `checked/${++run}-value`;
      await calls.put(`/config/${encodeURIComponent(subject)}`, { compatibility: 'NONE' });
      for (let n = 1; n <= VERSIONS; n++) await calls.registered(subject, version(n));
      await calls.put(`/config/${encodeURIComponent(subject)}`, { compatibility: 'BACKWARD_TRANSITIVE' });
      return subject;
    }
    const ask = async (body: object, prefer?: string) => {
      const response = await fetch(`${running.url}/v1/schemas:check`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(prefer && { prefer }) },
        body: JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, json: (await response.json()) as object };
    };

    it('is refused with what to do, and goes on as an operation for who prefers that', async () => {
      const subject = await filled();
      const body = { subject, schema: candidate('a') };
      const refused = await ask(body);
      expect([refused.status, refused.json]).toMatchObject([
        422,
        { code: 'too-many-versions-to-compare', hint: expect.stringContaining('respond-async') as string },
      ]);
      const started = await ask(body, 'respond-async');
      expect(started.status).toBe(202);
      const { operation, result } = started.json as StartedCheckView;
      expect(started.headers.get('location')).toBe(`/v1/operations/${operation}`);
      expect(started.json).toMatchObject({ subject, result: `/v1/schema-checks/${operation}` });
      const ended = await operations.settled(operation);
      expect(ended).toMatchObject({ state: 'FINISHED', kind: 'schema-check', lastError: null });
      const told = await calls.demand<CheckResultView>('GET', result);
      expect(told).toMatchObject({
        ...{ operation, subject, over: true, versions: VERSIONS, gone: [], warningsLeftOut: 0, failure: null },
        check: { compatible: false, subject, level: 'BACKWARD_TRANSITIVE', levels: ['BACKWARD_TRANSITIVE'] },
      });
      const backward = told.check!.verdicts.find(({ level }) => level === 'BACKWARD_TRANSITIVE')!;
      const numbers = Array.from({ length: VERSIONS - 1 }, (_, i) => VERSIONS - i);
      expect(backward).toEqual({ level: 'BACKWARD_TRANSITIVE', compatible: false, comparedWith: numbers, failedAt: 2 });
      expect(told.check!.findings).toContainEqual(
        expect.objectContaining({ version: 2, direction: 'new-reads-old', place: 'R.f', before: 'string' }),
      );
      // The same question is the same operation, and its answer is the answer.
      const again = await ask(body, 'respond-async, wait=20');
      expect([again.status, again.json]).toEqual([200, told.check]);
    });

    it('is answered at once where it is little, whatever is preferred, and waited for where that is asked for', async () => {
      const subject = await filled();
      const little = { subject: `${subject}-none`, schema: candidate('b') };
      expect(await ask(little, 'respond-async')).toMatchObject({ status: 200, json: { compatible: true } });
      const waited = await ask(
        { subject, schema: candidate('c'), levels: ['BACKWARD', 'NONE'] },
        'wait=20, respond-async',
      );
      expect(waited.status).toBe(200);
      const { compatible, warnings } = waited.json as SchemaCheckView;
      expect(compatible).toBe(true);
      expect(warnings).toMatchObject([{ ruleId: 'schema/unsound-not-transitive', version: 2 }]);
    });

    it('holds the place of no other work, is listed by its subject, and can be cancelled', async () => {
      const subject = await filled();
      const { json } = await ask({ subject, schema: candidate('d') }, 'respond-async');
      const { operation } = json as StartedCheckView;
      await operations.settled(operation);
      const { items } = await calls.demand<{ items: { id: string; subject: string }[] }>(
        'GET',
        '/v1/operations?kind=schema-check&limit=100',
      );
      const found = items.find(({ id }) => id === operation)!;
      expect(found.subject).toMatch(new RegExp(`^check:[0-9a-f]{16}/${subject}$`));
      // What is over cannot be cancelled, and is told on.
      expect((await calls.post(`/v1/operations/${operation}:cancel`, {})).status).toBe(409);
      expect((await calls.get('/v1/schema-checks/none')).json).toMatchObject({ code: 'scan-not-found' });
    });
  });
}
