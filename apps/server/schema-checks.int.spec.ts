import { expect, it } from 'vitest';
import type { StartedCheckView } from '#libs/features/registry';
import { runService, writeTokens } from './testing/running-service.js';
import { schemaChecksSuite } from './testing/schema-checks-suite.js';
import { ServiceCalls } from './testing/service-calls.js';

schemaChecksSuite('SQLite', () => ({}));

it('a check that goes on as an operation is for who may register under the subject, and told to who may read it', async () => {
  let tokens: Record<string, string> = {};
  const running = await runService(
    { WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml', WEIR_SCHEMAS_COMPARED_VERSIONS: '1' },
    async (cwd) => {
      tokens = await writeTokens(cwd, [
        { id: 'admin', roles: ['admin'] },
        { id: 'pipeline', roles: ['registrar'] },
        { id: 'reader', roles: ['viewer'] },
        { id: 'other', roles: ['registrar'], scope: { subject: ['other'] } },
      ]);
    },
  );
  try {
    const { registry } = new ServiceCalls(() => running.url);
    const record = (type: string) => `{"type":"record","name":"R","fields":[{"name":"f","type":"${type}"}]}`;
    await registry.put('/config/mine', { compatibility: 'NONE' }, tokens['admin']);
    for (const type of ['int', 'long']) await registry.registered('mine', record(type), {}, tokens['admin']);
    const ask = async (who: string) => {
      const response = await fetch(`${running.url}/v1/schemas:check`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          prefer: 'respond-async',
          authorization: `Bearer ${tokens[who]}`,
        },
        body: JSON.stringify({ subject: 'mine', schema: record('double') }),
      });
      return { status: response.status, json: (await response.json()) as StartedCheckView };
    };
    expect((await ask('reader')).status).toBe(403);
    const { status, json } = await ask('pipeline');
    expect(status).toBe(202);
    const result = (who: string) => registry.get(`/v1/schema-checks/${json.operation}`, tokens[who]);
    const of = (who: string) => registry.get(`/v1/operations/${json.operation}`, tokens[who]);
    expect((await result('reader')).json).toMatchObject({ subject: 'mine', versions: 2 });
    expect((await of('reader')).json).toMatchObject({ createdBy: 'pipeline', kind: 'schema-check' });
    expect([(await result('other')).status, (await of('other')).status]).toEqual([404, 404]);
  } finally {
    await running.stop();
  }
});
