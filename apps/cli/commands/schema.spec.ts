import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { runWeir, ScratchProject } from '../testing/index.js';

describe('weir schema register --dry-run', () => {
  /** A service where the check goes on as an operation. @param result what it has come to when it is over. */
  async function asked(result: object) {
    const requests: string[] = [];
    const operation = {
      ...{
        id: 'op-1',
        kind: 'schema-check',
        subject: 'check:0/s',
        planHash: 'h',
        state: 'FINISHED',
        phase: 'FINISHED',
      },
      ...{ progress: null, nextAction: null, commands: [], lastError: null, reason: null, errors: {} },
      ...{ cutover: { ready: false, blockers: [] }, throttle: { limits: {}, reason: null }, verification: null },
      ...{ rollback: { available: false, until: null, dataLoss: null }, finishFrom: null, groups: [] },
    };
    const answers: Record<string, object> = {
      '/v1/schemas:check': { operation: 'op-1', state: 'VERIFYING', subject: 's', result: '/v1/schema-checks/op-1' },
      '/v1/operations/op-1': operation,
      '/v1/schema-checks/op-1': result,
    };
    const server = createServer((request, response) => {
      requests.push(`${request.method!} ${request.url!} ${request.headers['prefer']?.toString() ?? ''}`.trim());
      const answer = answers[request.url!];
      if (request.method === 'POST') response.statusCode = 202;
      if (answer === undefined) response.statusCode = 404;
      request.resume().on('end', () => response.end(JSON.stringify(answer ?? { code: 'not-found', message: 'no' })));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const project = new ScratchProject({ 'a.avsc': '"int"' });
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const args = ['schema', 'register', 's', 'a.avsc', '--dry-run', '-s', url];
      return { requests, ...(await runWeir(args, { cwd: project.path })) };
    } finally {
      project.remove();
      server.closeAllConnections();
      server.close();
    }
  }
  const check = (compatible: boolean) => ({
    over: true,
    failure: null,
    check: {
      ...{ compatible, level: 'BACKWARD_TRANSITIVE' },
      findings: compatible
        ? []
        : [{ ruleId: 'avro/x', place: 'R.f', what: 'w', fix: 'f', levels: ['BACKWARD_TRANSITIVE'] }],
    },
  });

  it('waits for a check that takes longer than a request, and tells what it came to', async () => {
    const yes = await asked(check(true));
    expect([yes.code, yes.out]).toEqual([0, expect.stringContaining('It may be registered')]);
    expect(yes.requests[0]).toBe('POST /v1/schemas:check respond-async, wait=10');
    expect(yes.requests.at(-1)).toBe('GET /v1/schema-checks/op-1');
    const no = await asked(check(false));
    expect([no.code, no.out]).toEqual([1, expect.stringContaining('avro/x')]);
  });

  it('says why a check came to nothing', async () => {
    const failure = { code: 'schema-too-complex', message: 'It takes too long.' };
    const { code, err } = await asked({ over: true, check: null, failure });
    expect([code, err]).toEqual([8, expect.stringContaining('It takes too long.')]);
  });
});
